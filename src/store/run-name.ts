/** A name for a run that was given none, in MLflow's form: `adjective-noun-123`. At most 20 characters, as there. */
const ADJECTIVES =
  'amber ample brisk broad calm clear cobalt cool coral crisp deep dusky eager early even fair fleet fresh gentle glad golden grand green hardy ' +
  'hazel honest humble ivory jade keen kind late light lively loyal lucid lunar mellow merry mild misty mossy neat noble olive opal pale patient ' +
  'plain polar proud quick quiet rapid ready rustic sandy serene sharp silent silver sleek slow smooth snowy soft solar spry steady still sunny ' +
  'supple sure swift tidal tidy tranquil trim true velvet vivid warm wary whole wide windy wise young zesty';
const NOUNS =
  'alder anchor arch ash basin bay beacon beck birch bridge brook canal cape cedar cliff cove creek current delta dike dune eddy elm estuary fen ' +
  'ferry fjord flume ford fount gate geyser glacier glen gorge grove gulf harbor haven heath hill inlet isle islet lagoon lake lark ledge lock marsh ' +
  'meadow mere mill moor mouth oak oasis pebble pier pine pond pool quay rapids reach reed reef rill ripple river shoal shore sluice sound source ' +
  'spring stone strait stream summit surf tarn tide trench vale valley weir wharf wheel willow';

const adjectives = ADJECTIVES.split(' ');
const nouns = NOUNS.split(' ');

export function randomRunName(random: () => number = Math.random): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? 'plain';
  return `${pick(adjectives)}-${pick(nouns)}-${Math.floor(random() * 1000)}`;
}
