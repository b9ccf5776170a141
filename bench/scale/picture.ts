/** Rows a second against processes, as a picture that needs nothing around it. */

export interface Line {
  readonly name: string;
  /** By processes. */
  readonly points: readonly { readonly processes: number; readonly rowsPerSecond: number }[];
}

const WIDTH = 820;
const HEIGHT = 460;
const LEFT = 84;
const RIGHT = 150;
const TOP = 70;
const BOTTOM = 62;
/** Told apart also by who does not see colours: they are of different lightness. */
const COLOURS = ['#0b5394', '#b45f06', '#6aa84f'];
const INK = '#222222';
const GRID = '#dddddd';

/** Both axes by powers: a store that takes twice as much is as far above another one everywhere. */
export function pictureOf(lines: readonly Line[], title: string, subtitle: string): string {
  const counts = [...new Set(lines.flatMap(({ points }) => points.map(({ processes }) => processes)))].sort((a, b) => a - b);
  const rates = lines.flatMap(({ points }) => points.map(({ rowsPerSecond }) => rowsPerSecond));
  const low = Math.floor(Math.log10(Math.min(...rates)));
  const high = Math.ceil(Math.log10(Math.max(...rates)));
  const most = Math.log2(Math.max(...counts));
  const x = (processes: number): number => LEFT + (Math.log2(processes) / most) * (WIDTH - LEFT - RIGHT);
  const y = (rate: number): number => HEIGHT - BOTTOM - ((Math.log10(rate) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="14" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 28, title, 'font-size="18" font-weight="600"'),
    text(LEFT, 50, subtitle, 'font-size="12" fill="#555555"'),
  ];
  for (let power = low; power <= high; power++) {
    for (const factor of power === high ? [1] : [1, 2, 5]) {
      const at = round(y(factor * 10 ** power));
      parts.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${GRID}"${factor === 1 ? '' : ' stroke-dasharray="2 4"'}/>`);
      parts.push(text(LEFT - 10, at + 5, (factor * 10 ** power).toLocaleString('en-US'), 'text-anchor="end"'));
    }
  }
  for (const count of counts) {
    const at = round(x(count));
    parts.push(`<path d="M${at} ${HEIGHT - BOTTOM}v6" stroke="${INK}"/>`);
    parts.push(text(at, HEIGHT - BOTTOM + 24, String(count), 'text-anchor="middle"'));
  }
  parts.push(`<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`);
  parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, 'processes that log', 'text-anchor="middle"'));
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  parts.push(text(20, middle, 'rows a second', `text-anchor="middle" transform="rotate(-90 20 ${middle})"`));
  for (const [i, { name, points }] of lines.entries()) {
    const colour = COLOURS[i % COLOURS.length] ?? INK;
    const places = points.map(({ processes, rowsPerSecond }) => `${round(x(processes))},${round(y(rowsPerSecond))}`);
    parts.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2.5"/>`);
    for (const place of places) {
      const [cx = '', cy = ''] = place.split(',');
      parts.push(`<circle cx="${cx}" cy="${cy}" r="4" fill="${colour}"/>`);
    }
    const last = points.at(-1);
    if (last === undefined) continue;
    parts.push(text(x(last.processes) + 12, y(last.rowsPerSecond) + 5, name, `fill="${colour}" font-weight="600"`));
  }
  return `${[...parts, '</svg>'].join('\n')}\n`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
