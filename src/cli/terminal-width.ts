/** Columns that a line may take; COLUMNS wins, as in other programs. Undefined: nobody looks at a terminal, or it doesn't say. */
export function terminalWidth(): number | undefined {
  const told = Number(process.env['COLUMNS']);
  if (Number.isInteger(told) && told > 0) return told;
  return process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}
