import { Pool } from 'undici';

const JSON_BODY = { 'content-type': 'application/json' };

/** The server closes a connection that was idle for 5 s: the next request must not meet that. */
const KEEP_ALIVE_MS = 4000;

/** The server's REST API with nothing around it. */
export class RawApi {
  private readonly pool: Pool;

  constructor(url: string, connections: number) {
    this.pool = new Pool(url, { connections, pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS });
  }

  async createRun(): Promise<string> {
    const answer = await this.post('runs/create', JSON.stringify({ experiment_id: '0', start_time: Date.now() }));
    // The API's own shape.
    return (JSON.parse(answer) as { run: { info: { run_id: string } } }).run.info.run_id;
  }

  async logBatch(body: string | Buffer): Promise<void> {
    await this.post('runs/log-batch', body);
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async post(path: string, body: string | Buffer): Promise<string> {
    const answer = await this.pool.request({
      path: `/api/2.0/mlflow/${path}`,
      method: 'POST',
      headers: JSON_BODY,
      body,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 1000)}`);
    return text;
  }
}
