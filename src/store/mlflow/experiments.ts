/** Which experiment of the server a run goes to, by MLflow's rules. */
import { DEFAULT_EXPERIMENT_ID, deletedExperiment, missingExperiment, otherExperiment } from '../experiment-choice.js';
import type { ExperimentChoice } from '../store.js';
import { ApiRefusal, type MlflowApi, notMlflow } from './api.js';

interface Experiment {
  readonly experiment_id: string;
  readonly name: string;
  readonly lifecycle_stage: string;
}

/** Experiments that one page of a search brings; the server's own limit is higher. */
const PAGE = 1000;

export class Experiments {
  private readonly api: MlflowApi;
  /** By choice. Asked once: a sweep makes hundreds of runs in the same one. */
  private readonly chosen = new Map<string, Promise<string>>();

  constructor(api: MlflowApi) {
    this.api = api;
  }

  /** The experiment's id; a name that the server doesn't know is made. */
  choose(choice: ExperimentChoice): Promise<string> {
    const asked = JSON.stringify([choice.id, choice.name]);
    let id = this.chosen.get(asked);
    if (id === undefined) {
      id = this.ask(choice);
      this.chosen.set(asked, id);
      // The next run asks again.
      id.catch(() => this.chosen.delete(asked));
    }
    return id;
  }

  /** The server refused a run in one of them: it was deleted since. */
  forget(): void {
    this.chosen.clear();
  }

  /** Of all experiments, deleted ones too. */
  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for (let token: string | undefined; ; ) {
      const body = JSON.stringify({ max_results: PAGE, view_type: 'ALL', ...(token === undefined ? {} : { page_token: token }) });
      // MLflow's API; an empty list is left out.
      const answer = (await this.api.post('experiments/search', body)) as {
        experiments?: readonly Experiment[];
        next_page_token?: string;
      };
      ids.push(...(answer.experiments ?? []).map(({ experiment_id }) => experiment_id));
      token = answer.next_page_token;
      if (!token) return ids;
    }
  }

  private async ask({ name, id }: ExperimentChoice): Promise<string> {
    if (id !== undefined) {
      const found = await this.byId(id);
      if (found === undefined) throw missingExperiment(id);
      if (name !== undefined && found.name !== name) throw otherExperiment(name, id, found.name);
      return usable(found, id);
    }
    if (name !== undefined) return usable((await this.byName(name)) ?? (await this.create(name)), name);
    const standard = await this.byId(DEFAULT_EXPERIMENT_ID);
    if (standard === undefined) throw missingExperiment(DEFAULT_EXPERIMENT_ID);
    return usable(standard, DEFAULT_EXPERIMENT_ID);
  }

  private async byId(id: string): Promise<Experiment | undefined> {
    // MLflow's SQL store knows integers only, and MLflow 3.4 answers others with a 500.
    if (!/^\d{1,19}$/.test(id)) return undefined;
    return this.found('experiments/get', { experiment_id: id });
  }

  private byName(name: string): Promise<Experiment | undefined> {
    return this.found('experiments/get-by-name', { experiment_name: name });
  }

  private async found(path: string, query: Readonly<Record<string, string>>): Promise<Experiment | undefined> {
    try {
      const answer = await this.api.get(path, query);
      // MLflow's API.
      const { experiment } = answer as { experiment?: Experiment };
      if (typeof experiment?.experiment_id !== 'string') throw notMlflow(path, answer);
      return experiment;
    } catch (error) {
      if (error instanceof ApiRefusal && error.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
  }

  private async create(name: string): Promise<Experiment> {
    try {
      const answer = await this.api.post('experiments/create', JSON.stringify({ name }));
      const { experiment_id } = answer;
      if (typeof experiment_id !== 'string') throw notMlflow('experiments/create', answer);
      return { experiment_id, name, lifecycle_stage: 'active' };
    } catch (error) {
      if (!(error instanceof ApiRefusal) || error.errorCode !== 'RESOURCE_ALREADY_EXISTS') throw error;
      // Somebody else made it at the same moment.
      const found = await this.byName(name);
      if (found === undefined) throw error;
      return found;
    }
  }
}

function usable(experiment: Experiment, asked: string): string {
  if (experiment.lifecycle_stage === 'deleted') throw deletedExperiment(asked);
  return experiment.experiment_id;
}
