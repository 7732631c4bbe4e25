export function reasonOf() { return undefined; }
