import fs from 'node:fs';

/** A file's name is durable only when its folder is. Where folders can't be opened (Windows) it needs no asking. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const file = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

export function syncFile(path: string): void {
  const file = fs.openSync(path, 'r+');
  try {
    fs.fdatasyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}
