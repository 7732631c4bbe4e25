/** Requests that are not in use, so that a new one costs no object. */
import { ForwardedRequest, type ForwardedOutcome } from './forwarded-request.ts';

const SPARE_REQUESTS_MAX = 4096;

export class RequestShelf {
  private readonly outcome: ForwardedOutcome;
  private readonly spare: ForwardedRequest[] = [];

  /** `outcome`: who is told how each of them ends. */
  constructor(outcome: ForwardedOutcome) {
    this.outcome = outcome;
  }

  take(): ForwardedRequest {
    return this.spare.pop() ?? new ForwardedRequest(this.outcome);
  }

  putBack(request: ForwardedRequest): void {
    request.reset();
    if (this.spare.length < SPARE_REQUESTS_MAX) this.spare.push(request);
  }
}
