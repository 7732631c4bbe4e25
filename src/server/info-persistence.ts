/** INFO's section on what is kept on disk. Redis's names first, for what means the same: its rewritten log is a snapshot here. */
import { unreachable } from '../base/assert.ts';
import { Figure, type PersistenceState, PersistenceStatus } from '../persistence/persistence-state.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { ThreadPersistence } from './persistence/thread-persistence.ts';

/** A line of INFO. */
export type Field = readonly [name: string, value: string | number];

export function persistenceFields({ node }: ExecutionContext): readonly Field[] {
  const { persistence } = node;
  const nowMs = node.clock.nowMs();
  const startedAtSeconds = Math.floor(node.identity.startedAtMs / 1000);
  return persistence === null ? fieldsOfNothing(startedAtSeconds) : fieldsOf(persistence, nowMs, startedAtSeconds);
}

function fieldsOfNothing(startedAtSeconds: number): readonly Field[] {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', startedAtSeconds],
    ['rdb_last_bgsave_status', 'ok'],
    ['rdb_last_bgsave_time_sec', -1],
    ['rdb_current_bgsave_time_sec', -1],
    ['rdb_saves', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', 0],
    ['aof_enabled', 0],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', -1],
    ['aof_current_rewrite_time_sec', -1],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_last_write_status', 'ok'],
    ['shoal_persistence', 'off'],
  ];
}

function fieldsOf(persistence: ThreadPersistence, nowMs: number, startedAtSeconds: number): readonly Field[] {
  const { state, mode, options, end } = persistence;
  const hasLog = mode === 'log';
  const isSaving = state.isSaving ? 1 : 0;
  const lastSaveMs = state.figure(Figure.lastSaveMs);
  const lastSaveTime = state.lastSave === 'none' ? -1 : seconds(state.figure(Figure.lastSaveDurationMs));
  const savingFor = isSaving === 0 ? -1 : seconds(nowMs - state.figure(Figure.savingSinceMs));
  const lastStatus = state.lastSave === 'failed' ? 'err' : 'ok';
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['current_save_keys_processed', isSaving === 0 ? 0 : state.figure(Figure.savingItems)],
    ['current_save_keys_total', isSaving === 0 ? 0 : state.figure(Figure.savingItemsTotal)],
    ['rdb_changes_since_last_save', (end - state.figure(Figure.savedSequence)) >>> 0],
    ['rdb_bgsave_in_progress', isSaving],
    ['rdb_last_save_time', lastSaveMs === 0 ? startedAtSeconds : Math.floor(lastSaveMs / 1000)],
    ['rdb_last_bgsave_status', lastStatus],
    ['rdb_last_bgsave_time_sec', lastSaveTime],
    ['rdb_current_bgsave_time_sec', savingFor],
    ['rdb_saves', state.figure(Figure.saveCount)],
    ['rdb_last_load_keys_loaded', state.figure(Figure.loadedItems)],
    ['aof_enabled', hasLog ? 1 : 0],
    ['aof_rewrite_in_progress', hasLog ? isSaving : 0],
    ['aof_rewrite_scheduled', hasLog && isSaving === 1 && state.isSaveWanted ? 1 : 0],
    ['aof_last_rewrite_time_sec', hasLog ? lastSaveTime : -1],
    ['aof_current_rewrite_time_sec', hasLog ? savingFor : -1],
    ['aof_last_bgrewrite_status', hasLog ? lastStatus : 'ok'],
    ['aof_rewrites', hasLog ? state.figure(Figure.saveCount) : 0],
    ['aof_last_write_status', hasLog && persistence.isFailing ? 'err' : 'ok'],
    ...(hasLog ? logFields(state) : []),
    ['shoal_persistence', mode],
    ['shoal_persistence_status', statusText(state.status)],
    ['shoal_persistence_failure', state.failure],
    ['shoal_persistence_on_failure', options.onFailure],
    ['shoal_snapshot_items', state.figure(Figure.lastSaveItems)],
    ['shoal_snapshot_bytes', state.figure(Figure.lastSaveBytes)],
    ['shoal_snapshot_failures', state.figure(Figure.saveFailureCount)],
    ...(hasLog ? logFiguresOfOurs(state, end) : []),
  ];
}

function logFields(state: PersistenceState): readonly Field[] {
  return [
    ['aof_current_size', state.figure(Figure.baseBytes) + state.figure(Figure.logBytes)],
    ['aof_base_size', state.figure(Figure.baseBytes)],
  ];
}

/** How far the disk is behind the changes of this moment, and what it has done. */
function logFiguresOfOurs(state: PersistenceState, end: number): readonly Field[] {
  return [
    ['shoal_log_bytes', state.figure(Figure.logBytes)],
    ['shoal_log_unwritten_changes', behind(end, state.written)],
    ['shoal_log_unsynced_changes', behind(end, state.durable)],
    ['shoal_log_groups', state.figure(Figure.groupCount)],
    ['shoal_log_records', state.figure(Figure.recordCount)],
    ['shoal_log_syncs', state.figure(Figure.syncCount)],
    ['shoal_log_last_sync_ms', state.figure(Figure.lastSyncDurationMs).toFixed(1)],
    ['shoal_log_overruns', state.figure(Figure.lostCount)],
    ['shoal_log_holds_writers', state.isHolding ? 1 : 0],
  ];
}

/** The end may have been looked at before the position was published. */
function behind(end: number, position: number): number {
  return Math.max(0, (end - position) | 0);
}

function seconds(durationMs: number): number {
  return Math.max(0, Math.floor(durationMs / 1000));
}

function statusText(status: PersistenceStatus): string {
  switch (status) {
    case PersistenceStatus.off:
      return 'off';
    case PersistenceStatus.loading:
      return 'loading';
    case PersistenceStatus.ok:
      return 'ok';
    case PersistenceStatus.failing:
      return 'failing';
    default:
      return unreachable(status);
  }
}
