// @ts-check
import { isAbsolute, resolve } from 'node:path';

/**
 * Where the runs are, and how to look at them.
 * @param {string} experiment
 */
export function printPlace(experiment) {
  const uri = process.env['MLFLOW_TRACKING_URI'] || 'sqlite:///mlflow.db';
  const [, name] = /^sqlite:\/\/\/(.*)$/.exec(uri) ?? [];
  if (name === undefined) {
    // Whoever reads the terminal need not see a password.
    console.log(`The runs are in the experiment ${experiment} of ${uri.replace(/\/\/[^/]*@/, '//')}`);
    return;
  }
  const path = isAbsolute(name) ? name : resolve(name);
  console.log(`The runs are in ${path}. To look at them:\n  mlflow ui --backend-store-uri sqlite:///${path}`);
}
