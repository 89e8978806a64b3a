// The audit log's proofs, checked here: RFC 6962 with the browser's own SHA-256.

export function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error('not hexadecimal');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
}

export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

// RFC 9162, 2.1.3.2: from a leaf upwards.  Each step says which side the given hash stands on.
// Returns {root, steps}; throws when the path cannot belong to this index and size.
export async function climb(leaf, index, size, path) {
  let fn = BigInt(index);
  let sn = BigInt(size) - 1n;
  let hash = leaf;
  const steps = [];
  if (fn < 0n || fn > sn) throw new Error('the index is outside the tree');
  for (const other of path) {
    if (sn === 0n) throw new Error('the path is too long');
    const fromLeft = (fn & 1n) === 1n || fn === sn;
    hash = fromLeft ? await nodeHash(other, hash) : await nodeHash(hash, other);
    steps.push({side: fromLeft ? 'left' : 'right', other: toHex(other), hash: toHex(hash)});
    while (fromLeft && (fn & 1n) === 0n && fn !== 0n) {
      fn >>= 1n;
      sn >>= 1n;
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  if (sn !== 0n) throw new Error('the path is too short');
  return {root: toHex(hash), steps};
}

// Whether the entry's bytes lead to root along the path.
export async function checkInclusion(entryHex, index, size, pathHex, rootHex) {
  const entry = fromHex(entryHex);
  const leaf = await leafHash(entry);
  const {root, steps} = await climb(leaf, index, size, pathHex.map(fromHex));
  return {good: root === rootHex, leaf: toHex(leaf), bytes: entry.length, root, steps};
}
