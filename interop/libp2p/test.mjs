// js-libp2p against our host: each dials the other; Noise, Yamux, identify, ping,
// and a signed gossip message each way.  Prints TAP and "N passed, N failed".
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const TOPIC = 'interop'
const program = process.argv[2]
let passed = 0
let failed = 0

async function check (name, run) {
  try {
    await run()
    passed++
    console.log(`ok ${passed + failed} ${name}`)
  } catch (err) {
    failed++
    console.log(`not ok ${passed + failed} ${name}`)
    console.log(`# ${err.stack ?? err}`.replaceAll('\n', '\n# '))
  }
}

function assert (condition, what) {
  if (!condition) throw new Error(what)
}

// Our side: a process that tells what happens, a line an event.
class Ours {
  constructor () {
    this.lines = []
    this.waiting = []
    this.child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.child.stdout }).on('line', line => {
      this.lines.push(line)
      this.waiting = this.waiting.filter(wait => !wait())
    })
  }

  // The first line that matches, among those of the past too.
  line (pattern, ms = 15000) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.map(line => pattern.exec(line)).find(match => match != null)
        if (found == null) return false
        clearTimeout(timer)
        resolve(found)
        return true
      }
      const timer = setTimeout(() => reject(
        new Error(`no ${pattern} in:\n${this.lines.join('\n')}`)), ms)
      if (!look()) this.waiting.push(look)
    })
  }

  say (text) {
    this.child.stdin.write(text + '\n')
  }

  async stop () {
    const gone = new Promise(resolve => this.child.once('exit', resolve))
    this.say('quit')
    return await gone
  }
}

async function theirs (options = {}) {
  return await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      pubsub: gossipsub({ allowPublishToZeroTopicPeers: true })
    },
    ...options
  })
}

async function until (what, condition, ms = 15000) {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const escape = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

// What two peers that are connected, whoever dialled, do with each other.
async function exchange (title, ours, ourId, js) {
  const theirId = js.peerId.toString()
  const heard = []
  js.services.pubsub.subscribe(TOPIC)
  js.services.pubsub.addEventListener('message', ({ detail }) => {
    if (detail.topic === TOPIC) heard.push(detail)
  })

  await check(`${title}: both know who the other is`, async () => {
    await ours.line(new RegExp(`^up ${theirId} `))
    const [connection] = js.getConnections()
    assert(connection.remotePeer.toString() === ourId, 'another peer')
    assert(connection.encryption === '/noise', connection.encryption)
    assert(connection.multiplexer === '/yamux/1.0.0', connection.multiplexer)
  })
  await check(`${title}: identify, ours read by theirs`, async () => {
    const [connection] = js.getConnections()
    const told = await js.services.identify.identify(connection)
    assert(told.agentVersion === 'platform/interop', told.agentVersion)
    assert(told.protocols.includes('/platform/bft/1'), told.protocols.join())
    assert(told.protocols.includes('/meshsub/1.1.0'), told.protocols.join())
    assert(told.listenAddrs.length === 1, 'listen addresses')
  })
  await check(`${title}: identify, theirs read by ours`, async () => {
    ours.say('peers')
    await ours.line(new RegExp(`^peer ${theirId} js-libp2p`))
  })
  await check(`${title}: they ping us`, async () => {
    for (let i = 0; i < 3; i++) {
      assert(await js.services.ping.ping(js.getConnections()[0].remotePeer) >= 0, 'no time')
    }
  })
  await check(`${title}: we ping them`, async () => {
    await ours.line(new RegExp(`^ping ${theirId} [0-9]+$`))
  })
  await check(`${title}: a signed message from them reaches us`, async () => {
    await until('our subscription', () =>
      js.services.pubsub.getSubscribers(TOPIC).some(peer => peer.toString() === ourId))
    const text = `hello from js (${title})`
    await js.services.pubsub.publish(TOPIC, new TextEncoder().encode(text))
    await ours.line(new RegExp(`^gossip ${theirId} ${escape(text)}$`))
  })
  await check(`${title}: a signed message from us reaches them`, async () => {
    const text = `hello from c (${title})`
    ours.say(`publish ${text}`)
    await until('our message', () => heard.length > 0)
    const [message] = heard
    assert(new TextDecoder().decode(message.data) === text, 'other bytes')
    assert(message.type === 'signed', message.type)
    assert(message.from.toString() === ourId, 'another author')
  })
  await check(`${title}: nobody broke off meanwhile`, async () => {
    assert(js.getConnections().length === 1, `${js.getConnections().length} connections`)
    assert(!ours.lines.some(line => line.startsWith('down ')), ours.lines.join('\n'))
  })
}

async function withPair (run) {
  const ours = new Ours()
  const js = await theirs()
  const [, address, ourId] = await ours.line(/^listening (.*\/p2p\/(.*))$/)
  await run(ours, address, ourId, js)
  const status = await ours.stop()
  await check('our host ended well', async () => assert(status === 0, `status ${status}`))
  await js.stop()
}

await withPair(async (ours, address, ourId, js) => {
  await js.dial(multiaddr(address))
  await exchange('they dial us', ours, ourId, js)
})

await withPair(async (ours, address, ourId, js) => {
  ours.say(`dial ${js.getMultiaddrs()[0]}`)
  await ours.line(/^up /)
  await exchange('we dial them', ours, ourId, js)
})

// An identity that we do not accept (yet) is told so by closing.
await withPair(async (ours, address, ourId, js) => {
  const other = await theirs({ privateKey: await generateKeyPair('secp256k1') })
  await check('a secp256k1 peer is refused', async () => {
    await other.dial(multiaddr(address)).then(
      async () => await until('the end', () => other.getConnections().length === 0),
      () => {})
    await ours.line(/^closed [0-9]+ unsupported_key$/)
    assert(!ours.lines.some(line => line.startsWith('up ')), 'it came up')
  })
  await other.stop()
  await check('the wrong peer id is noticed by both', async () => {
    const wrong = address.replace(ourId, js.peerId.toString())
    let refused = false
    const third = await theirs()
    await third.dial(multiaddr(wrong)).catch(() => { refused = true })
    await third.stop()
    assert(refused, 'they took it')
  })
})

console.log(`1..${passed + failed}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
