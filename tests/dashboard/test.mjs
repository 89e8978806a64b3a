// The dashboard in Chromium, over the made-up node of server.c.
import {spawn} from 'node:child_process';
import {createRequire} from 'node:module';
import {createInterface} from 'node:readline';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [serverPath, shots] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT_MS = 15000;

const server = spawn(serverPath, [], {stdio: ['pipe', 'pipe', 'inherit']});
const [line] = await once(createInterface({input: server.stdout}), 'line');
const url = `http://127.0.0.1:${line.split(' ')[1]}`;
const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});

let count = 0;
let failures = 0;
async function test(name, body) {
  count++;
  try {
    await body();
    console.log(`ok ${count} - ${name}`);
  } catch (error) {
    failures++;
    console.log(`not ok ${count} - ${name}`);
    console.log(String(error.stack ?? error).replace(/^/gm, '# '));
  }
}

function assert(condition, text) {
  if (!condition) throw new Error(text);
}

// Asks until the answer is yes; what is asked for is an event of the page, so this is no timing test.
async function eventually(question, text) {
  const end = Date.now() + WAIT_MS;
  let last;
  while (Date.now() < end) {
    last = await question();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${text}`);
}

const troubles = [];
const requests = [];
let bytes = 0;
let pages = 0;
async function open(options) {
  const context = await browser.newContext({viewport: {width: 1360, height: 1200}, ...options});
  const page = await context.newPage();
  pages++;
  page.on('pageerror', (e) => troubles.push(`error: ${e.message}`));
  page.on('console', (m) => m.type() === 'error' && troubles.push(`console: ${m.text()}`));
  page.on('dialog', (d) => {
    troubles.push(`dialog: ${d.message()}`);
    d.dismiss();
  });
  page.on('request', (r) => requests.push(r.url()));
  page.on('response', async (r) => {
    if (r.request().method() === 'GET' && !r.url().endsWith('/events')) bytes += (await r.body().catch(() => '')).length;
  });
  await page.goto(url);
  await eventually(async () => (await page.locator('#validators tbody tr').count()) === 4, 'four validators');
  return page;
}

const text = (page, selector) => page.locator(selector).innerText();
const height = async (page) => Number((await text(page, '#facts')).match(/height\s+([\d,]+)/)[1].replaceAll(',', ''));

const page = await open();

await test('validators stand with their stake, and the quorum with its line', async () => {
  const rows = await page.locator('#validators tbody tr').allInnerTexts();
  assert(rows.some((r) => r.includes('41,000') && r.includes('connected')), rows.join('\n'));
  assert(rows.filter((r) => r.includes('leader')).length === 1, 'one leader');
  assert(rows.filter((r) => r.includes('this node')).length === 1, 'this node');
  const note = await text(page, '#quorum');
  assert(/a decision needs 3 and 66\.[67]/.test(note), note);
  assert((await page.locator('.quorum > span').count()) === 4, 'a part of the bar for each');
});

await test('height and decisions move by themselves', async () => {
  const before = await height(page);
  await eventually(async () => (await height(page)) > before + 1, 'a greater height');
  const first = await text(page, '#decisions tbody tr:first-child td:first-child');
  assert(Number(first.replaceAll(',', '')) > before, `decisions begin at ${first}`);
});

await test('the leaderboard is in order, with weights in percent', async () => {
  const rows = await page.locator('#leaders tbody tr').allInnerTexts();
  assert(rows.length === 6, `${rows.length} rows`);
  const scores = rows.map((r) => Number(r.match(/\d\.\d{4}/)[0]));
  assert(scores.every((s, i) => i === 0 || s <= scores[i - 1]), scores.join(' '));
  assert(rows[0].includes('%'), rows[0]);
  assert((await text(page, '#leaders .note')).includes('confirmed'), 'weights on the chain');
});

await test('evaluations show gas and memory against their caps', async () => {
  const rows = await page.locator('#evaluations tbody tr').allInnerTexts();
  assert(rows.length === 10 && rows.some((r) => r.includes(' M') && r.includes('KiB')), rows.join('\n'));
  assert((await page.locator('#evaluations .bar').count()) >= 18, 'bars');
  assert(rows.some((r) => r.includes('running')), 'one is running');
});

await test('markup in a name is shown as text', async () => {
  await page.locator('#challenges button', {hasText: 'onerror'}).click();
  await eventually(async () => (await text(page, '#challenges')).includes('registered'), 'the second challenge');
  assert((await page.locator('main img').count()) === 0, 'an image was made');
  await page.locator('#challenges button').first().click();
});

async function check(target, index) {
  await eventually(() => target.evaluate((i) => {
    const button = document.querySelector(`#log button[data-key="${i}"]`);
    button?.click();
    return button !== null;
  }, index), `a button for entry ${index}`);
}
const certified = async (target) => Number((await text(target, '#head')).match(/up to entry ([\d,]+)/)[1].replaceAll(',', ''));

await test('an entry is proved in the browser', async () => {
  await check(page, (await certified(page)) - 3);
  await eventually(async () => (await text(page, '#proof')).includes('proved'), 'proved');
  assert((await page.locator('#proof li').count()) >= 5, 'the way up is shown');
});

await test('an entry over the certified root is not claimed to be proved', async () => {
  await eventually(async () => {
    const index = await certified(page);
    await page.evaluate((i) => document.querySelector(`#log button[data-key="${i}"]`)?.click(), index);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return (await text(page, '#proof')).includes('not checked');
  }, 'not checked');
});

await test('a node that changes one digit of an entry is caught', async () => {
  const liar = await open();
  await liar.route('**/rpc', async (route) => {
    const response = await route.fetch();
    const flip = (digit) => (digit === '0' ? '1' : '0');
    const body = (await response.text()).replace(/("entry":"[0-9a-f]{40})(.)/, (_, head, digit) => head + flip(digit));
    await route.fulfill({response, body});
  });
  await check(liar, (await certified(liar)) - 3);
  await eventually(async () => (await text(liar, '#proof')).includes('does not match'), 'does not match');
  await liar.context().close();
});

await test('events arrive, newest first, their text as text', async () => {
  await eventually(async () => (await text(page, '#events')).includes('sample.<b>certified</b>'), 'a certified event');
  assert((await text(page, '#events')).includes('bft.decided'), 'decisions');
});

await test('a node that is not ready says why', async () => {
  server.stdin.write('u');
  await eventually(async () => (await text(page, '#ready')) === 'not ready', 'not ready');
  await eventually(async () => (await text(page, '#reasons')).includes('no_quorum'), 'the reason');
  assert((await text(page, '#quorum')).includes('no quorum'), 'no quorum');
  await page.screenshot({path: `${shots}/unready.png`});
  server.stdin.write('r');
  await eventually(async () => (await text(page, '#ready')).startsWith('ready'), 'ready');
});

// change(method, answer): what the page gets instead of the node's own answer to each call of a batch.
async function distort(target, change) {
  await target.route('**/rpc', async (route) => {
    const calls = JSON.parse(route.request().postData());
    const answers = await (await route.fetch()).json();
    await route.fulfill({json: answers.map((a) => change(calls.find((c) => c.id === a.id).method, a))});
  });
}

await test('an answer that fails is told in its panel, and the others go on', async () => {
  const target = await open();
  await distort(target, (method, a) => (method === 'block_list' ? {jsonrpc: '2.0', id: a.id, error: {code: -32603, message: 'too <b>tired</b>'}} : a));
  await eventually(async () => (await text(target, '#decisions')).includes('the node answers: too <b>tired</b>'), 'the reason');
  const before = await height(target);
  await eventually(async () => (await height(target)) > before, 'the height goes on');
  assert((await text(target, '#ready')).startsWith('ready'), 'the node is reached');
  assert(await target.locator('#lost').isHidden(), 'nothing is lost');
  await target.unrouteAll({behavior: 'wait'});
  await eventually(async () => (await target.locator('#decisions tbody tr').count()) > 0, 'the decisions come back');
  await target.unrouteAll({behavior: 'ignoreErrors'});
  await target.context().close();
});

await test('a lost node leaves what it said, marked as stale, with its time', async () => {
  const target = await open();
  const expected = troubles.length;
  await target.route('**/rpc', (route) => route.abort());
  await eventually(() => target.locator('#lost').isVisible(), 'it is told');
  assert((await text(target, '#lost')).includes('What you see is as of'), await text(target, '#lost'));
  assert((await text(target, '#ready')) === 'node not reached', 'the badge');
  assert((await target.locator('#validators tbody tr').count()) === 4, 'the panels stay');
  assert(await target.evaluate(() => Number(getComputedStyle(document.querySelector('main')).opacity) < 0.7), 'they fade');
  await target.screenshot({path: `${shots}/stale.png`});
  await target.unroute('**/rpc');
  await eventually(() => target.locator('#lost').isHidden(), 'it comes back');
  assert(await target.evaluate(() => getComputedStyle(document.querySelector('main')).opacity === '1'), 'nothing fades any more');
  // The browser itself writes failed requests to the console.
  troubles.splice(expected, troubles.length, ...troubles.slice(expected).filter((t) => !t.includes('net::ERR_FAILED')));
  await target.unrouteAll({behavior: 'ignoreErrors'});
  await target.context().close();
});

await test('256 validators: the bar keeps its labels apart', async () => {
  const target = await open();
  const many = Array.from({length: 256}, (_, i) => ({uid: i, hotkey: `5${String(i).padStart(47, 'A')}`, connected: i % 7 !== 0, leader: i === 5,
    self: i === 9, heard_ms: 5, stake: String((i < 12 ? 40000 : 1000 + i) * 1e9)}));
  const sum = many.reduce((total, v) => total + BigInt(v.stake), 0n);
  await distort(target, (method, a) => {
    if (method === 'validator_list') {
      Object.assign(a.result, {validators: many, stake_total: String(sum), stake_quorum: String((sum * 2n) / 3n + 1n), count_quorum: 171});
    }
    return a;
  });
  await eventually(async () => (await target.locator('.quorum > span').count()) === 256, 'all of them');
  const seen = await target.evaluate(() => [...document.querySelectorAll('.quorum > span')].map((s) => {
    const range = document.createRange();
    range.selectNodeContents(s);
    return {label: s.textContent, over: range.getBoundingClientRect().width - s.getBoundingClientRect().width, width: s.getBoundingClientRect().width};
  }));
  assert(seen.filter((s) => s.label !== '').length === 12, 'the large ones are labelled');
  assert(seen.every((s) => s.over <= 0), 'a label is wider than its part');
  assert(seen.every((s) => s.width > 1), 'a part has vanished');
  await target.screenshot({path: `${shots}/many.png`});
  await target.unrouteAll({behavior: 'ignoreErrors'});
  await target.context().close();
});

await test('markup in every text that the node sends stays text', async () => {
  const target = await open();
  const evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
  const spoil = (value, key) => {
    if (Array.isArray(value)) return value.map((v) => spoil(v, key));
    if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, spoil(v, k)]));
    return typeof value === 'string' && !['id', 'stake', 'stake_total', 'stake_quorum', 'jsonrpc'].includes(key) ? evil : value;
  };
  await distort(target, (method, a) => ({...a, result: spoil(a.result, '')}));
  for (const place of ['#validators', '#decisions', '#challenges', '#leaders', '#evaluations', '#log', '#head']) {
    await eventually(async () => (await target.locator(place).innerHTML()).includes('&lt;img'), `the text in ${place}`);
  }
  assert((await target.locator('img').count()) === 0, 'an image was made');
  assert((await target.locator('body script').count()) === 0, 'a script was made');
  await target.unrouteAll({behavior: 'ignoreErrors'});
  await target.context().close();
});

await test('light and dark, by preference and by choice', async () => {
  const back = (p) => p.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await open({colorScheme: 'dark'});
  assert((await back(dark)) !== (await back(page)), 'dark differs');
  await check(dark, (await certified(dark)) - 3);
  await eventually(async () => (await text(dark, '#proof')).includes('proved'), 'proved');
  await dark.screenshot({path: `${shots}/dark.png`, fullPage: true});
  await page.screenshot({path: `${shots}/light.png`, fullPage: true});
  const before = await back(dark);
  await dark.locator('#theme').click();
  assert((await back(dark)) !== before, 'the button switches');
  await dark.context().close();
});

await test('a narrow window has no sideways scrolling', async () => {
  const phone = await open({viewport: {width: 390, height: 844}});
  const over = await phone.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await phone.screenshot({path: `${shots}/narrow.png`, fullPage: true});
  assert(over <= 0, `${over} pixels too wide`);
  await phone.context().close();
});

for (const colorScheme of ['light', 'dark']) {
  await test(`no accessibility rule is broken (${colorScheme})`, async () => {
    const tested = await open({colorScheme, bypassCSP: true});
    await tested.evaluate(axeSource);
    const result = await tested.evaluate(() => globalThis.axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']}));
    const found = result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' ')}`);
    assert(found.length === 0, found.join('\n'));
    await tested.context().close();
  });
}

await test('nothing is asked of anybody else, and little of the node', () => {
  const foreign = requests.filter((r) => !r.startsWith(`${url}/`) && !r.startsWith('data:'));
  assert(foreign.length === 0, foreign.join('\n'));
  assert(bytes / pages < 100 * 1024, `${bytes} bytes for ${pages} pages`);
});

await test('no script error, no breach of the content policy', () => assert(troubles.length === 0, troubles.join('\n')));

console.log(`1..${count}`);
await browser.close();
server.stdin.end();
process.exit(failures > 0 ? 1 : 0);
