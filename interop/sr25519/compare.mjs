// Compares our sr25519, SS58, BIP39 and storage hashes with @polkadot/wasm-crypto (schnorrkel itself,
// compiled to WASM) and @polkadot/util-crypto (@scure/sr25519, a second implementation).
//
//   node compare.mjs PEER [SEED]
//
// Inputs come from SEED, which is printed; signatures have their own randomness.  One TAP line a
// group, then "N passed, N failed" over all cases.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import * as util from '@polkadot/util-crypto';
import * as wasm from '@polkadot/wasm-crypto';

const [program, seed = randomBytes(8).toString('hex')] = process.argv.slice(2);

// --- Seeded inputs ---------------------------------------------------------------------------

let counter = 0;
const bytes = (size) => {
    const parts = [];
    for (let left = size; left > 0; left -= 32)
        parts.push(createHash('sha256').update(`${seed}:${counter++}`).digest().subarray(0, left));
    return new Uint8Array(Buffer.concat(parts));
};
const below = (n) => Buffer.from(bytes(4)).readUInt32LE() % n;
const pick = (list) => list[below(list.length)];
const flip = (input) => {
    const out = Uint8Array.from(input), bit = below(8 * out.length);
    out[bit >> 3] ^= 1 << (bit & 7);
    return out;
};

// --- Our program ------------------------------------------------------------------------------

const hex = (data) => Buffer.from(data).toString('hex') || '-';
const ours = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = [];
createInterface({ input: ours.stdout }).on('line', (line) => waiting.shift()(line));
ours.on('close', (code) => {
    if (waiting.length > 0) {
        console.error(`our program ended with status ${code}`);
        process.exit(1);
    }
});
const ask = (word, ...args) => new Promise((answer) => {
    waiting.push(answer);
    ours.stdin.write(`${[word, ...args.map(hex)].join(' ')}\n`);
});

// --- Counting ---------------------------------------------------------------------------------

let passed = 0, failed = 0, groups = 0;
const group = async (name, run) => {
    const before = [passed, failed];
    await run((what, got, wanted) => {
        if (got === wanted) {
            passed++;
            return;
        }
        failed++;
        if (failed <= 20)
            console.log(`# ${name}: ${what}: ours ${got}, theirs ${wanted}`);
    });
    const good = failed === before[1];
    console.log(`${good ? 'ok' : 'not ok'} ${++groups} - ${name} (${passed - before[0]} cases)`);
};
const attempt = (f) => {
    try {
        return f();
    } catch {
        return null;
    }
};

// --- Keys ---------------------------------------------------------------------------------------

// wasm-crypto stores a secret as (key << 3) | nonce; ours prints key | nonce.
const shifted = (canonical) => {
    const out = Uint8Array.from(canonical);
    for (let i = 31; i > 0; i--)
        out[i] = (canonical[i] << 3) | (canonical[i - 1] >> 5);
    out[0] = canonical[0] << 3;
    return out;
};
const split = (line) => {
    const all = Uint8Array.from(Buffer.from(line, 'hex'));
    return { publicKey: all.subarray(0, 32), canonical: all.subarray(32) };
};
const pairOf = (mini) => {
    const pair = wasm.sr25519KeypairFromSeed(mini);
    return { mini, publicKey: pair.slice(64), secretKey: pair.slice(0, 64) };
};

const rootKeys = async (check) => {
    for (let i = 0; i < 400; i++) {
        const theirs = pairOf(bytes(32));
        const mine = split(await ask('uri', Buffer.from(`0x${hex(theirs.mini)}`)));
        check('public key', hex(mine.publicKey), hex(theirs.publicKey));
        check('secret', hex(shifted(mine.canonical)), hex(theirs.secretKey));
        check('shifted', await ask('shifted', theirs.secretKey), hex([...mine.publicKey, ...mine.canonical]));
        check('canonical', await ask('canonical', mine.canonical),
            hex([...mine.publicKey, ...mine.canonical]));
    }
};

const junction = () => pick([
    () => `${below(1000)}`,
    () => '18446744073709551615',
    () => `00${below(100)}`,
    () => 'Alice',
    () => `${1 + below(9)}x`,
    () => '0xyz',
    () => 'n'.repeat(31),
    () => 'n'.repeat(32),
    () => `${'long name '.repeat(10)}${below(100)}`,
    () => Buffer.from(bytes(6)).toString('base64url'),
    () => 'käse',
])();

const derivations = async (check) => {
    for (let i = 0; i < 600; i++) {
        const root = pairOf(bytes(32));
        let path = '', softPath = '';
        for (let j = 0; j <= below(4); j++)
            path += (below(2) ? '//' : '/') + junction();
        for (let j = 0; j <= below(3); j++)
            softPath += `/${junction()}`;
        let pair = wasm.sr25519KeypairFromSeed(root.mini);
        for (const { chainCode, isHard } of util.keyExtractPath(path).path)
            pair = (isHard ? wasm.sr25519DeriveKeypairHard : wasm.sr25519DeriveKeypairSoft)(pair, chainCode);
        const mine = split(await ask('uri', Buffer.from(`0x${hex(root.mini)}${path}`)));
        check(path, hex(mine.publicKey), hex(pair.slice(64)));
        let soft = root.publicKey;
        for (const { chainCode } of util.keyExtractPath(softPath).path)
            soft = wasm.sr25519DerivePublicSoft(soft, chainCode);
        check(softPath, await ask('soft', root.publicKey, Buffer.from(softPath)), hex(soft));
    }
};

// --- Signatures -----------------------------------------------------------------------------------

const message = () => bytes(pick([0, 1, 31, 32, 33, 100, 165, 166, 167, below(1000), 8000]));
const verdict = (good) => (good ? '01' : '00');

const oursSign = async (check) => {
    for (let i = 0; i < 1500; i++) {
        const { mini, publicKey } = pairOf(bytes(32)), m = message();
        const s = Buffer.from(await ask('sign', mini, m, bytes(32)), 'hex');
        check('theirs accept', verdict(wasm.sr25519Verify(s, m, publicKey)), '01');
        check('ours accept', await ask('verify', publicKey, m, s), '01');
        if (i % 15 === 0)
            check('scure accepts', verdict(util.sr25519Verify(m, s, publicKey)), '01');
    }
};

const theirsSign = async (check) => {
    for (let i = 0; i < 1500; i++) {
        const { secretKey, publicKey } = pairOf(bytes(32)), m = message();
        const s = i % 15 === 0 ? util.sr25519Sign(m, { publicKey, secretKey })
            : wasm.sr25519Sign(publicKey, secretKey, m);
        check('ours accept', await ask('verify', publicKey, m, s), '01');
    }
};

// s + L: the same number modulo L.
const beyond = (signature) => {
    const order = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');
    const out = Uint8Array.from(signature);
    let carry = 0;
    out[63] &= 0x7f;
    for (let i = 0; i < 32; i++) {
        carry += out[32 + i] + order[i];
        out[32 + i] = carry & 0xff;
        carry >>= 8;
    }
    out[63] |= 0x80;
    return out;
};
const damages = [
    (c) => ({ ...c, s: flip(c.s) }),
    (c) => ({ ...c, publicKey: flip(c.publicKey) }),
    (c) => ({ ...c, m: c.m.length > 0 ? flip(c.m) : bytes(1) }),
    (c) => ({ ...c, s: Uint8Array.from(c.s, (b, i) => (i === 63 ? b & 0x7f : b)) }),
    (c) => ({ ...c, s: beyond(c.s) }),
    (c) => ({ ...c, publicKey: Uint8Array.from(c.publicKey, (b, i) => (i === 31 ? b | 0x80 : b)) }),
    (c) => ({ ...c, s: Uint8Array.from([...bytes(32), ...c.s.subarray(32)]) }),
    (c) => ({ ...c, m: Uint8Array.from([...c.m, 0]) }),
];

const bothRefuse = async (check) => {
    for (let i = 0; i < 2000; i++) {
        const { secretKey, publicKey } = pairOf(bytes(32)), m = message();
        const c = damages[i % damages.length]({ m, publicKey, s: wasm.sr25519Sign(publicKey, secretKey, m) });
        const theirs = attempt(() => wasm.sr25519Verify(c.s, c.m, c.publicKey)) === true;
        check(`damage ${i % damages.length}, theirs`, verdict(theirs), '00');
        check(`damage ${i % damages.length}, ours`, await ask('verify', c.publicKey, c.m, c.s), '00');
    }
};

// --- Addresses, phrases, hashes ------------------------------------------------------------------

const addresses = async (check) => {
    for (let i = 0; i < 800; i++) {
        const size = pick([1, 2, 4, 8, 32, 32, 32, 33]);
        const prefix = pick([42, 0, 2, 63, 64, 255, 256, 16383, below(16384)]);
        if (prefix === 46 || prefix === 47)
            continue;
        const account = bytes(size), two = Uint8Array.of(prefix >> 8, prefix & 0xff);
        const text = util.encodeAddress(account, prefix);
        const sum = size >= 32 ? 2 : 1;
        check('encode', await ask('address', two, [sum], account), hex(Buffer.from(text)));
        check('decode', await ask('account', Buffer.from(text)), hex([...two, ...account]));
        // One wrong letter.  A checksum of one byte lets one in 256 through, for both alike.
        const at = below(text.length);
        const wrong = text.slice(0, at) + pick('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0') +
            text.slice(at + 1);
        if (size >= 32) {
            const theirs = attempt(() => util.decodeAddress(wrong));
            const mine = await ask('account', Buffer.from(wrong));
            check('wrong letter', mine === '!' ? '!' : mine.slice(4), theirs === null ? '!' : hex(theirs));
        }
    }
};

const phrases = async (check) => {
    for (let i = 0; i < 300; i++) {
        const words = pick([12, 15, 18, 21, 24]);
        const phrase = util.mnemonicGenerate(words), text = Buffer.from(phrase);
        const entropy = util.mnemonicToEntropy(phrase);
        const passphrase = pick(['', 'x', 'a longer passphrase / with signs!']);
        check('phrase', await ask('phrase', entropy), hex(text));
        check('entropy', await ask('entropy', text), hex(entropy));
        const mini = hex(util.mnemonicToMiniSecret(phrase, passphrase));
        check('mini-secret', await ask('mini', text, Buffer.from(passphrase)), mini);
        const list = phrase.split(' ');
        list.splice(below(words), 1, list[below(words)]);
        const wrong = list.join(' ');
        const theirs = attempt(() => hex(util.mnemonicToEntropy(wrong))) ?? '!';
        check('wrong word', await ask('entropy', Buffer.from(wrong)), theirs);
    }
};

const hashes = async (check) => {
    for (let i = 0; i < 300; i++) {
        const data = bytes(below(300));
        const theirs = [64, 128, 256].map((bits) => hex(util.xxhashAsU8a(data, bits)))
            .concat([128, 256].map((bits) => hex(util.blake2AsU8a(data, bits))));
        check('hashes', await ask('hashes', data), theirs.join(''));
    }
};

await util.cryptoWaitReady();
await wasm.waitReady();
console.log(`# seed ${seed}, node ${process.version}`);
await group('root keys and both secret layouts', rootKeys);
await group('derivation paths, secret and public', derivations);
await group('ours sign, theirs verify', oursSign);
await group('theirs sign, ours verify by every path', theirsSign);
await group('damaged signatures are refused by both', bothRefuse);
await group('SS58 addresses', addresses);
await group('mnemonic phrases', phrases);
await group('storage hashes', hashes);
console.log(`1..${groups}`);
ours.stdin.end();
if (passed < 10000 && failed === 0) {
    console.log(`# only ${passed} cases, 10000 wanted`);
    failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
