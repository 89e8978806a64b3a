// The dashboard: reads the node's JSON-RPC, again when the event stream says that something happened.

import {byId} from './dom.js';
import * as panels from './panels.js';
import {checkInclusion} from './proof.js';

const REFRESH_MS = 3000; // at the latest
const AFTER_EVENT_MS = 300; // so many events cause one refresh

// One batch; each answer is a result, or null where the node had an error.
async function ask(calls) {
  const body = calls.map(([method, params], id) => ({jsonrpc: '2.0', id, method, params: params ?? []}));
  const response = await fetch('/rpc', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const answers = await response.json();
  return calls.map((_, id) => answers.find((a) => a.id === id) ?? {error: {message: 'no answer'}});
}

const results = async (calls) => (await ask(calls)).map((a) => a.result ?? null);

let chosen = null;

async function refresh() {
  const [status, set, blocks, list, submissions, weights, head, entries] = await results([
    ['node_status'], ['validator_list'], ['block_list', {count: 12}], ['challenge_list'], ['submission_list'], ['weights_get'],
    ['audit_head'], ['audit_list', {count: 40}],
  ]);
  if (!list.some((c) => c.id === chosen)) chosen = list[0]?.id ?? null;
  const [board] = chosen ? await results([['leaderboard_get', {challenge: chosen}]]) : [[]];
  panels.header(status);
  panels.validators(set);
  panels.decisions(blocks);
  panels.challenges(list, chosen, (id) => {
    chosen = id;
    refreshSoon(0);
  });
  panels.leaders(board ?? [], weights);
  panels.evaluations(submissions, new Map(list.map((c) => [c.id, c.policy])));
  panels.auditHead(head, set);
  panels.log(entries, check);
}

// One refresh at a time; a wish during one leads to one more.  The earliest wish counts.
let timer = null;
let due = 0;
let busy = false;
let again = false;
function refreshSoon(delay) {
  const at = performance.now() + delay;
  if (busy) {
    again = true;
    return;
  }
  if (timer !== null && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(turn, delay);
}

async function turn() {
  timer = null;
  busy = true;
  try {
    await refresh();
  } catch (error) {
    panels.lost(error);
  }
  busy = false;
  refreshSoon(again ? AFTER_EVENT_MS : REFRESH_MS);
  again = false;
}

// The entry, its path, and the certified root come from one batch, so that they fit together.
async function check(index) {
  try {
    const [entry, path, head] = await ask([['audit_entry', [index]], ['audit_proof', [index]], ['audit_head']]);
    const error = entry.error ?? path.error ?? head.error;
    if (error) throw new Error(error.message);
    const certified = head.result.certified;
    if (!certified || certified.size !== path.result.size) throw new Error('the certified root has just changed; try again');
    const result = await checkInclusion(entry.result.entry, index, path.result.size, path.result.path, certified.root);
    panels.proof({...result, index, size: path.result.size, signers: certified.signers});
  } catch (error) {
    panels.proof({error: error.message, index});
  }
}

function listen() {
  const source = new EventSource('/events');
  const list = byId('events');
  source.onmessage = (message) => {
    panels.event(list, JSON.parse(message.data));
    refreshSoon(AFTER_EVENT_MS);
  };
  source.addEventListener('gap', () => refreshSoon(AFTER_EVENT_MS));
}

function theme() {
  const root = document.documentElement;
  const preferred = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  root.dataset.theme = localStorage.getItem('theme') ?? preferred;
  byId('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
  });
}

theme();
panels.proof(null);
listen();
turn();
