/** A row of `series_pools` as JSON, but for its time. */
export interface PoolColumns {
  readonly pool: string;
  readonly runner: string;
  readonly samples: number;
  readonly slots: number;
  readonly busy: number;
  readonly warm: number;
  readonly runners: number;
  readonly memory_max: number;
  readonly cold_starts: number;
  readonly waiting_samples: number;
  readonly waiting: number;
  readonly waiting_max: number;
  readonly oldest_wait_ms_max: number;
}
