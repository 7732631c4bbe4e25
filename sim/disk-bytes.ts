/**
 * The bytes of a file on a disk that may lose its power. What was written since the last sync is kept by sectors: each sector is, after the power was
 * lost, as it was at the last sync or after any write since, whatever became of the others. So writes are lost, torn and reordered. The size is that
 * of the last sync, or any that the file had since; what lies within and was never written reads as zeros.
 */

export const SECTOR_BYTES = 512;

export class DiskBytes {
  /** As the process sees it. */
  live: Buffer;
  size: number;
  private syncedSize: number;
  /** By number of the sector: what it held after each write since the last sync, and first at that sync. */
  private readonly versions = new Map<number, Buffer[]>();
  private sizes: number[] = [];

  constructor(content: Uint8Array = Buffer.alloc(0)) {
    this.live = Buffer.from(content);
    this.size = content.length;
    this.syncedSize = this.size;
  }

  content(): Buffer {
    return this.live.subarray(0, this.size);
  }

  read(bytes: Uint8Array, start: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.size - position));
    bytes.set(this.live.subarray(position, position + count), start);
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.keepFirst(position, end);
    this.reserve(end);
    this.live.set(bytes, position);
    this.resize(Math.max(this.size, end));
    this.keep(position, end);
  }

  truncate(size: number): void {
    const end = Math.max(this.size, size);
    this.keepFirst(size, end);
    this.reserve(end);
    this.live.fill(0, size, end);
    this.resize(size);
    this.keep(size, end);
  }

  sync(): void {
    this.versions.clear();
    this.sizes = [];
    this.syncedSize = this.size;
  }

  /** What may be there once the power is back. */
  afterPowerLoss(random: () => number): DiskBytes {
    const sizes = [this.syncedSize, ...this.sizes];
    const size = sizes[Math.floor(random() * sizes.length)]!;
    const content = Buffer.alloc(size);
    this.live.copy(content, 0, 0, Math.min(size, this.live.length));
    // Mostly all that is unsynced is lost, or nothing, or each sector for itself.
    const chosen = random();
    for (const [sector, versions] of this.versions) {
      const share = chosen < 0.3 ? 0 : chosen < 0.5 ? 0.999 : random();
      const version = versions[Math.floor(share * versions.length)]!;
      version.copy(
        content,
        sector * SECTOR_BYTES,
        0,
        Math.max(0, Math.min(SECTOR_BYTES, size - sector * SECTOR_BYTES)),
      );
    }
    return new DiskBytes(content);
  }

  private resize(size: number): void {
    if (size !== this.size) this.sizes.push(size);
    this.size = size;
  }

  private keepFirst(start: number, end: number): void {
    this.eachSector(start, end, (sector) => {
      if (!this.versions.has(sector)) this.versions.set(sector, [this.sectorNow(sector)]);
    });
  }

  private keep(start: number, end: number): void {
    this.eachSector(start, end, (sector) => this.versions.get(sector)!.push(this.sectorNow(sector)));
  }

  private eachSector(start: number, end: number, visit: (sector: number) => void): void {
    for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector += 1) visit(sector);
  }

  private sectorNow(sector: number): Buffer {
    const bytes = Buffer.alloc(SECTOR_BYTES);
    const start = sector * SECTOR_BYTES;
    bytes.set(this.live.subarray(start, Math.max(start, Math.min(this.size, start + SECTOR_BYTES))));
    return bytes;
  }

  private reserve(length: number): void {
    if (length <= this.live.length) return;
    const grown = Buffer.alloc(Math.max(length, this.live.length * 2));
    this.live.copy(grown);
    this.live = grown;
  }
}
