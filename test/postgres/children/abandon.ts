/** Starts a server, tells its pid, and waits to be killed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../cluster.js';

const cluster = await Cluster.make({ fsync: 'off' });
const [pid] = readFileSync(join(cluster.data, 'postmaster.pid'), 'utf8').split('\n');
process.stdout.write(`${pid} ${cluster.data}\n`);
setInterval(() => {}, 60_000);
