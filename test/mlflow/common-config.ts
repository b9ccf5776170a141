/** A config that Python and headrace both log: what is spelled differently by the two languages, and what is not. */
export const COMMON_CONFIG: Readonly<Record<string, unknown>> = {
  lr: 0.1,
  tiny: 1e-5,
  smaller: 1.5e-7,
  huge: 1e21,
  epochs: 3,
  negative: -17,
  amp: true,
  half: false,
  nothing: null,
  empty: '',
  name: "it's",
  units: [64, 32, 'relu', null, true, 0.5],
  nested: [[1, "it's"], []],
  unicode: ['größe', '学习', '😀', '\u200b', '\n'],
};

/** The content of a JSON file: numbers that JSON and Python tell apart and JavaScript does not. */
export const COMMON_CONFIG_FILE: string =
  '{"one": 1.0, "power": 1e3, "big": 12345678901234567890, "sixteen": 1e16, "list": [1.0, 2], "minus": -0.0, "small": 1E-05}';
