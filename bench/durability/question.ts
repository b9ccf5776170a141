import type { Answer, Scale } from '../question.js';

export interface DurabilityQuestion {
  readonly title: string;
  ask(scale: Scale): Promise<Answer>;
}
