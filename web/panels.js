// One function a panel: data of the node in, parts of the page out.

import {badge, byId, duration, el, meter, millions, number, score, share, short, show, size, table, tao} from './dom.js';

export function header(status) {
  const facts = [
    ['height', number(status.height)], ['view', number(status.view)], ['epoch', number(status.epoch)],
    ['peers', number(status.peers)], ['waiting', number(status.pending)], ['chain block', number(status.chain.block)],
    ['up', duration(status.uptime_ms)],
  ];
  show('facts', facts, facts.map(([name, value]) => el('div', null, el('dt', null, name), el('dd', null, value))));
  show('network', [status.netuid, status.network], `subnet ${status.netuid} \u00b7 `, short(status.network, 8, 0));
  const ready = byId('ready');
  ready.className = `badge ${status.ready ? 'good' : 'bad'}`;
  ready.textContent = status.ready ? (status.voting ? 'ready, voting' : 'ready') : 'not ready';
  const reasons = byId('reasons');
  reasons.hidden = status.ready;
  show('reasons', status.reasons, status.reasons.map((r) => el('p', null, el('strong', null, r.name), ` \u2014 ${r.text}`)));
}

// What the page shows is of the time of the last whole answer; while there is none, it says so and fades.
let reachedAt = null;
export function reached() {
  reachedAt = new Date();
  document.body.classList.remove('stale');
  byId('lost').hidden = true;
}

export function lost(error) {
  const ready = byId('ready');
  ready.className = 'badge bad';
  ready.textContent = 'node not reached';
  document.body.classList.add('stale');
  byId('lost').hidden = false;
  byId('lost').textContent = `The node does not answer (${error.message}). ${reachedAt
    ? `What you see is as of ${reachedAt.toLocaleTimeString()}` : 'Nothing has been read from it yet'}; this page tries on.`;
}

// The node answered, but not with what this panel needs.
export function failed(place, error) {
  if (place === 'facts') {
    byId('ready').className = 'badge warn';
    byId('ready').textContent = 'state unknown';
  }
  if (place === 'validators') show('quorum', {failed: error.message}, null);
  show(place, {failed: error.message}, el('p', {class: 'dim'}, badge('no data', 'warn'), ` the node answers: ${error.message}`));
}

// A label that its part of the bar has no room for is left out; with many parts the gaps are, too.
const LABEL_PERCENT = 2.5;
const MANY = 40;

const percent = (part, whole) => (whole > 0n ? Number((part * 10000n) / whole) / 100 : 0);

// The most stake first; of equals, the lower uid.
const byStake = (a, b) => (BigInt(a.stake) === BigInt(b.stake) ? a.uid - b.uid : BigInt(a.stake) > BigInt(b.stake) ? -1 : 1);

export function validators(given) {
  const set = {...given, validators: [...given.validators].sort(byStake)};
  const total = BigInt(set.stake_total);
  const line = percent(BigInt(set.stake_quorum), total);
  const here = set.validators.filter((v) => v.connected);
  const stakeHere = here.reduce((sum, v) => sum + BigInt(v.stake), 0n);
  const enough = stakeHere >= BigInt(set.stake_quorum) && here.length >= set.count_quorum;
  const text = `${here.length} of ${set.validators.length} connected with ${percent(stakeHere, total).toFixed(1)}% of the stake; ` +
    `a decision needs ${set.count_quorum} and ${line.toFixed(1)}%.`;
  const shareOf = (v) => percent(BigInt(v.stake), total);
  show('quorum', [set.validators, set.stake_quorum],
    el('div', {class: `quorum ${set.validators.length > MANY ? 'many' : ''}`, role: 'img', 'aria-label': text},
      set.validators.map((v) => el('span', {class: v.connected ? '' : 'away', width: `${shareOf(v)}%`,
        title: `uid ${v.uid}, ${v.hotkey}: ${tao(v.stake)} TAO`}, shareOf(v) >= LABEL_PERCENT ? String(v.uid) : null)),
      el('b', {left: `${line}%`}, el('em', null, 'quorum'))),
    el('p', {class: 'note'}, badge(enough ? 'quorum' : 'no quorum', enough ? 'good' : 'bad'), ' ', text));
  show('validators', set.validators.map(({heard_ms, ...rest}) => rest), table([
    ['uid', (v) => String(v.uid), 'num'],
    ['hotkey', (v) => short(v.hotkey, 8, 6)],
    ['stake, TAO', (v) => tao(v.stake), 'num'],
    ['share', (v) => share(percent(BigInt(v.stake), total), 100, `${percent(BigInt(v.stake), total).toFixed(1)}%`), 'grow'],
    ['', (v) => [v.connected ? badge('connected', 'good') : badge('away', 'warn'), ' ', v.leader ? badge('leader', 'info') : null,
      ' ', v.self ? badge('this node') : null]],
  ], set.validators, 'No validators.'));
}

export function decisions(blocks) {
  show('decisions', blocks, table([
    ['height', (b) => number(b.height), 'num'],
    ['view', (b) => String(b.view), 'num'],
    ['signed by', (b) => String(b.signers), 'num'],
    ['operations', (b) => String(b.operations), 'num'],
    ['digest', (b) => (/^0+$/.test(b.digest) ? el('span', {class: 'dim'}, 'empty') : short(b.digest))],
  ], blocks, 'Nothing decided yet.'));
}

const phases = {active: 'good', approved: 'info', registered: 'warn', final: 'good', committing: 'info', revealing: 'info',
  unresolved: 'bad'};

export function challenges(list, chosen, choose) {
  const c = list.find((x) => x.id === chosen);
  show('challenges', [list, chosen],
    el('div', {class: 'tabs'}, list.map((x) => el('button', {type: 'button', 'aria-pressed': String(x.id === chosen),
      'data-key': x.id, onclick: () => choose(x.id)}, `${x.name} ${x.version}`))),
    c ? el('p', {class: 'note'}, badge(c.phase, phases[c.phase]), ` ${(c.share / 100).toFixed(0)}% of the weights \u00b7 approved by `,
      `${c.approvals} \u00b7 from height ${number(c.active_from)} \u00b7 module `, short(c.module), ` ${size(c.module_size)} \u00b7 caps: `,
      `${millions(c.policy.gas)} gas, ${size(c.policy.memory_bytes)}, ${number(c.policy.host_calls)} host calls`)
      : el('p', {class: 'dim'}, 'No challenge is registered.'));
}

export function leaders(board, weights) {
  const best = board.reduce((m, l) => Math.max(m, l.score), 0);
  const weight = new Map(weights?.weights.map((w) => [w.uid, w.value]) ?? []);
  const total = weights?.weights.reduce((sum, w) => sum + w.value, 0) ?? 0;
  const share100 = (l) => (weight.has(l.uid) && total > 0 ? `${((100 * weight.get(l.uid)) / total).toFixed(2)}%` : '-');
  show('leaders', [board, weights], table([
    ['rank', (l) => String(l.rank), 'num'],
    ['uid', (l) => (l.uid == null ? '-' : String(l.uid)), 'num'],
    ['miner', (l) => short(l.miner, 8, 6)],
    ['score', (l) => share(l.score, best, score(l.score)), 'grow'],
    [weights ? `weight, epoch ${weights.epoch}` : 'weight', share100, 'num'],
    ['submission', (l) => short(l.submission)],
  ], board, 'No scores yet.'),
  weights?.chain ? el('p', {class: 'note below'}, 'Weights of this node on the chain: ',
    badge(weights.chain.outcome, weights.chain.outcome === 'confirmed' ? 'good' : 'warn'), ` block ${number(weights.chain.block)}`) : null);
}

export function evaluations(list, policies) {
  const cap = (s) => policies.get(s.challenge);
  const gas = (s) => s.evaluation?.gas || s.final?.gas || 0;
  const rows = [...list].sort((a, b) => b.height - a.height).slice(0, 50);
  show('evaluations', [rows, [...policies]], table([
    ['submission', (s) => short(s.id)],
    ['miner', (s) => short(s.miner, 8, 6)],
    ['height', (s) => number(s.height), 'num'],
    ['phase', (s) => badge(s.phase, phases[s.phase])],
    ['committed, revealed', (s) => `${s.committed}, ${s.revealed}`, 'num'],
    ['gas against cap', (s) => (cap(s) && gas(s) ? meter(gas(s), cap(s).gas, millions(gas(s))) : '-')],
    ['memory against cap', (s) => (cap(s) && s.evaluation?.memory
      ? meter(s.evaluation.memory, cap(s).memory_bytes, size(s.evaluation.memory)) : '-')],
    ['outcome', (s) => (s.final ? badge(s.final.outcome, s.final.outcome === 'ok' ? 'good' : 'warn') : s.evaluation?.phase ?? '-')],
    ['score', (s) => (s.final?.outcome === 'ok' ? score(s.final.score) : '-'), 'num'],
  ], rows, 'No submissions in the last epochs.'));
}

export function auditHead(head, set) {
  const c = head.certified;
  const stake = c && BigInt(c.stake) > 0n ? `, ${percent(BigInt(c.stake), BigInt(set.stake_total)).toFixed(1)}% of the stake` : '';
  show('head', [head, set.stake_total], el('p', {class: 'note'}, `${number(head.size)} entries, root `, short(head.root, 10, 6),
    c ? [' \u00b7 ', badge('certified', 'good'), ` up to entry ${number(c.size)} at height ${number(c.height)} by ${c.signers} validators`,
      `${stake}, root `, short(c.root, 10, 6)] : ' \u00b7 nothing certified yet'));
}

const told = (e) => {
  if (e.kind === 'final') return `${e.final.outcome === 'ok' ? `score ${score(e.final.score)}` : e.final.outcome}, ${e.final.agreed} agreed`;
  if (e.kind === 'op') return `${e.op.kind ?? 'operation'}${e.op.reject === 'none' ? '' : ` (refused: ${e.op.reject})`}`;
  return e.kind === 'weights' ? `${e.weights} weights` : '';
};

export function log(entries, check) {
  show('log', entries, table([
    ['entry', (e) => number(e.index), 'num'],
    ['height', (e) => number(e.height), 'num'],
    ['kind', (e) => e.kind],
    ['', told, 'text'],
    ['leaf', (e) => short(e.leaf)],
    ['', (e) => el('button', {type: 'button', 'data-key': String(e.index), 'aria-label': `Check entry ${e.index}`,
      onclick: () => check(e.index)}, 'check')],
  ], entries, 'The log is empty.'));
}

// result: null before the first, {error} or what checkInclusion gives, with index, size and signers.
export function proof(result) {
  if (!result) {
    show('proof', null, el('p', {class: 'dim'}, 'Choose an entry to check it: its bytes are hashed here, up the Merkle path to the root ' +
      'that the validators certified.'));
  } else if (result.error) {
    show('proof', result, el('p', null, badge('not checked', 'warn'), ` entry ${result.index}: ${result.error}`));
  } else {
    const step = (name, hash) => el('li', null, el('span', null, name), el('code', {title: hash}, hash));
    show('proof', result,
      el('p', {id: 'verdict'}, badge(result.good ? 'proved' : 'does not match', result.good ? 'good' : 'bad'),
        ` entry ${number(result.index)} of ${number(result.size)}`),
      el('ol', null, step('leaf', result.leaf), result.steps.map((s) => step(`+ ${s.side}`, s.hash))),
      el('p', {class: 'dim'}, result.good ? `${result.bytes} bytes, ${result.steps.length} hashes: the last one is the root that ` +
        `${result.signers} validators signed.` : 'The last hash is not the certified root: do not trust this node.'));
  }
}

export function event(list, e) {
  const fields = Object.entries(e.fields).map(([k, v]) => `${k}=${typeof v === 'string' && v.length > 16 ? `${v.slice(0, 10)}\u2026` : v}`);
  const time = new Date(e.time_ms).toISOString().slice(11, 19);
  list.prepend(el('li', null, el('span', {class: 'dim'}, time), el('span', {class: e.level}, e.event), el('span', {title: fields.join(' ')}, fields.join(' '))));
  while (list.childElementCount > 100) list.lastElementChild.remove();
}
