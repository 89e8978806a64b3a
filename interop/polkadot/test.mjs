// A standard client against the development chain: it connects, decodes, submits and reads back.
// usage: node test.mjs PLATFORM    where PLATFORM is the program whose `devchain` is run
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import { blake2AsHex } from '@polkadot/util-crypto'
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util'

const platform = process.argv[2]
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devchain-'))
const netuid = 2
let passed = 0
let failed = 0
let chain

function start(...more) {
  const args = ['devchain', '--dir', path.join(dir, 'chain'), '--port', '0', '--block-ms', '250', ...more]
  const child = spawn(platform, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let text = ''
    child.once('exit', () => reject(new Error('the chain ended: ' + text)))
    child.stdout.on('data', (d) => {
      text += d
      const url = /url=(\S+)/.exec(text)
      if (url) resolve({ child, url: url[1] })
    })
  })
}

function stop(signal) {
  return new Promise((resolve) => {
    chain.child.removeAllListeners('exit')
    chain.child.once('exit', (code) => resolve(code))
    chain.child.kill(signal)
  })
}

function same(got, want) {
  const a = JSON.stringify(got)
  const b = JSON.stringify(want)
  if (a !== b) throw new Error(`got ${a}, want ${b}`)
}

async function check(name, body) {
  try {
    await body()
    passed++
    console.log('ok - ' + name)
  } catch (e) {
    failed++
    console.log('not ok - ' + name + ': ' + (e.message ?? e))
  }
}

const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 })
const alice = keyring.addFromUri('//Alice')
const validator = keyring.addFromUri('//validator/0')
const second = keyring.addFromUri('//validator/1')
const miner = keyring.addFromUri('//miner/0')

chain = await start()
let api = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true })

// Sends and waits for finality; gives what the runtime's events say.
function send(tx, signer, options = {}) {
  return new Promise((resolve, reject) => {
    tx.signAndSend(signer, options, ({ status, events, dispatchError }) => {
      if (status.isInvalid || status.isDropped) reject(new Error(status.type))
      if (!status.isFinalized) return
      let error = null
      if (dispatchError?.isModule) error = api.registry.findMetaError(dispatchError.asModule).name
      resolve({
        error,
        block: status.asFinalized.toHex(),
        names: events.map(({ event }) => `${event.section}.${event.method}`),
      })
    }).catch(reject)
  })
}

async function refusal(promise) {
  try {
    await promise
  } catch (e) {
    return String(e.message ?? e)
  }
  throw new Error('it was accepted')
}

const weightsOf = async (uid) => (await api.query.subtensorModule.weights(netuid, uid)).toJSON()
const setWeights = (uids, values, version = 0) => api.tx.subtensorModule.setWeights(netuid, uids, values, version)

await check('connects and agrees on genesis and version', async () => {
  same((await api.rpc.chain.getBlockHash(0)).toHex(), api.genesisHash.toHex())
  same(api.runtimeVersion.specVersion.toNumber(), 293)
  same(api.runtimeMetadata.version, 14)
})

await check('a header hashes to the hash that names it', async () => {
  const header = await api.rpc.chain.getHeader()
  same(header.hash.toHex(), (await api.rpc.chain.getBlockHash(header.number.toNumber())).toHex())
})

await check('decodes the subnet', async () => {
  same((await api.query.subtensorModule.tempo(netuid)).toNumber(), 20)
  same((await api.query.subtensorModule.subnetworkN(netuid)).toNumber(), 12)
  same((await api.query.subtensorModule.keys(netuid, 0)).toString(), validator.address)
  const permits = (await api.query.subtensorModule.validatorPermit(netuid)).toJSON()
  same(permits.filter((x) => x).length, 4)
  same((await api.query.subtensorModule.keys.entries(netuid)).length, 12)
})

await check('runtime calls answer', async () => {
  const raw = await api.rpc.state.call('NeuronInfoRuntimeApi_get_neurons_lite', '0x0200')
  same(u8aToHex(raw.toU8a(true).slice(0, 33)), '0x30' + u8aToHex(validator.publicKey).slice(2))
  same((await api.rpc.state.call('SubnetInfoRuntimeApi_get_metagraph', '0xe703')).toHex(), '0x00')
})

await check('a mortal remark is included, paid for and finalized', async () => {
  const before = (await api.query.system.account(alice.address)).data.free.toBigInt()
  const fee = (await api.tx.system.remarkWithEvent('0x1234').paymentInfo(alice)).partialFee.toBigInt()
  const sent = await send(api.tx.system.remarkWithEvent('0x1234'), alice)
  same(sent.error, null)
  if (!sent.names.includes('system.Remarked')) throw new Error(sent.names.join())
  const after = (await api.query.system.account(alice.address)).data.free.toBigInt()
  same((before - after).toString(), fee.toString())
})

await check('set_weights without a balance is stored and read back', async () => {
  const sent = await send(setWeights([4, 5], [1, 2]), validator)
  same(sent.error, null)
  if (!sent.names.includes('subtensorModule.WeightsSet')) throw new Error(sent.names.join())
  same(await weightsOf(0), [[4, 32768], [5, 65535]])
  const at = await api.at(sent.block)
  const header = await api.rpc.chain.getHeader(sent.block)
  same((await at.query.subtensorModule.lastUpdate(netuid)).toJSON()[0], header.number.toNumber())
})

await check('errors keep their names', async () => {
  same((await send(setWeights([5], [1]), miner)).error, 'NeuronNoValidatorPermit')
  same((await send(setWeights([4, 4], [1, 1]), validator)).error, 'DuplicateUids')
  same((await send(setWeights([4, 5], [1]), validator)).error, 'WeightVecNotEqualSize')
  same((await send(setWeights([4, 99], [1, 1]), validator)).error, 'UidVecContainInvalidOne')
  same((await send(setWeights([4], [1]), alice)).error, 'HotKeyNotRegisteredInSubNet')
  same(await weightsOf(0), [[4, 32768], [5, 65535]])
})

await check('a commitment is stored and read back', async () => {
  const data = '0x' + '5a'.repeat(32)
  const sent = await send(api.tx.commitments.setCommitment(netuid, { fields: [{ Raw32: data }] }), second)
  same(sent.error, null)
  const kept = (await api.query.commitments.commitmentOf(netuid, second.address)).toJSON()
  same(kept.info.fields, [{ raw32: data }])
})

await check('a bad signature, another genesis and an old nonce are refused', async () => {
  const nonce = (await api.rpc.system.accountNextIndex(alice.address)).toNumber()
  const tx = await api.tx.system.remark('0x00').signAsync(alice, { nonce })
  const bytes = tx.toU8a()
  bytes[60] ^= 1
  const text = await refusal(api.rpc.author.submitExtrinsic(u8aToHex(bytes)))
  if (!/bad signature/.test(text)) throw new Error(text)
  const other = await api.tx.system.remark('0x00').signAsync(alice, { nonce, genesisHash: '0x' + '11'.repeat(32), era: 0 })
  if (!/bad signature/.test(await refusal(api.rpc.author.submitExtrinsic(other)))) throw new Error('genesis')
  const old = await api.tx.system.remark('0x00').signAsync(alice, { nonce: 0 })
  if (!/outdated/.test(await refusal(api.rpc.author.submitExtrinsic(old)))) throw new Error('nonce')
})

await check('an expired era and an unknown call are refused', async () => {
  const header = await api.rpc.chain.getHeader(await api.rpc.chain.getBlockHash(1))
  const tx = await api.tx.system.remark('0x00').signAsync(alice, {
    blockHash: header.hash,
    era: api.registry.createType('ExtrinsicEra', { current: 1, period: 4 }),
  })
  await refusal(api.rpc.author.submitExtrinsic(tx.toHex()))
  if (!/not expected/.test(await refusal(send(api.tx.balances.transferKeepAlive(miner.address, 1), alice))))
    throw new Error('call')
})

await check('the same nonce twice: the first one stays', async () => {
  const nonce = (await api.rpc.system.accountNextIndex(alice.address)).toNumber() + 5
  const one = await api.tx.system.remark('0x01').signAsync(alice, { nonce, era: 0 })
  const two = await api.tx.system.remark('0x02').signAsync(alice, { nonce, era: 0 })
  await api.rpc.author.submitExtrinsic(one.toHex())
  const text = await refusal(api.rpc.author.submitExtrinsic(two.toHex()))
  if (!/1014/.test(text)) throw new Error(text)
  same((await api.rpc.author.pendingExtrinsics()).length, 1)
})

await check('finalized heads come in order, behind the new ones', async () => {
  const seen = []
  const stopHeads = await api.rpc.chain.subscribeFinalizedHeads((h) => seen.push(h.number.toNumber()))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  stopHeads()
  if (seen.length < 3) throw new Error('only ' + seen.length)
  for (let i = 1; i < seen.length; i++) same(seen[i], seen[i - 1] + 1)
})

await check('commit and reveal of weights, in the right epoch only', async () => {
  const enabled = api.query.subtensorModule.commitRevealWeightsEnabled.key(netuid)
  const provider = new WsProvider(chain.url)
  await provider.isReady
  await provider.send('dev_setStorage', [[[enabled, '0x01']]])
  same((await send(setWeights([4], [1]), validator)).error, 'CommitRevealEnabled')
  const vec = (xs) => api.registry.createType('Vec<u16>', xs).toU8a()
  const u64 = (x) => api.registry.createType('u64', x).toU8a()
  const u16 = (x) => api.registry.createType('u16', x).toU8a()
  const [uids, values, salt] = [[5, 6], [65535, 1], [9, 8, 7]]
  const hash = blake2AsHex(u8aConcat(validator.publicKey, u16(netuid), vec(uids), vec(values), vec(salt), u64(0)))
  // From the first block of an epoch there is time for what has to happen within it.
  const toNextEpoch = async () => {
    const head = (await api.rpc.chain.getHeader()).number.toNumber()
    await provider.send('dev_newBlock', [{ count: 21 - ((head + netuid + 1) % 21) }])
  }
  await toNextEpoch()
  same((await send(api.tx.subtensorModule.commitWeights(netuid, hash), validator)).error, null)
  const reveal = (s) => api.tx.subtensorModule.revealWeights(netuid, uids, values, s, 0)
  same((await send(reveal(salt), validator)).error, 'RevealTooEarly')
  await toNextEpoch()
  same((await send(reveal([1, 2, 3]), validator)).error, 'InvalidRevealCommitHashNotMatch')
  const sent = await send(reveal(salt), validator)
  same(sent.error, null)
  if (!sent.names.includes('subtensorModule.WeightsRevealed')) throw new Error(sent.names.join())
  same(await weightsOf(0), [[5, 65535], [6, 1]])
  await provider.send('dev_setStorage', [[[enabled, '0x00']]])
  await provider.disconnect()
})

await check('kill -9 and restart: nothing that was finalized is lost', async () => {
  const before = await api.rpc.chain.getFinalizedHead()
  const weights = await weightsOf(0)
  const genesis = api.genesisHash.toHex()
  await api.disconnect()
  await stop('SIGKILL')
  chain = await start()
  api = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true })
  same(api.genesisHash.toHex(), genesis)
  same((await api.rpc.chain.getHeader(before)).hash.toHex(), before.toHex())
  same(await weightsOf(0), weights)
})

await check('other genesis options are refused for the same directory', async () => {
  await api.disconnect()
  same(await stop('SIGTERM'), 0)
  const text = await refusal(start('--tempo', '30'))
  if (!/ended/.test(text)) throw new Error(text)
})

fs.rmSync(dir, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
