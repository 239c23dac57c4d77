#!/usr/bin/env python3
"""Verifies saved answers (.weave) and receipts (.tlog-proof) of MystraNet Weave: offline, without any key of its own.

Written from docs/protocol.md and the messages in packages/schemas/proto/ alone, to show that they suffice; § in comments
are sections of that document. Needs Python 3.11 and `cryptography`.

    python verify.py answer.weave --trust local.trust [--json] [--protos FOLDER]

Exit codes: 0 VERIFIED, 1 FAILED, 3 PARTIAL, 2 the command, a file or the trust file cannot be used.
"""
import argparse, base64, functools, hashlib, itertools, json, os, re, struct, sys
from types import SimpleNamespace
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packages', 'schemas', 'proto')
# §5: the digest of version 1's JSON Schema.
SCHEMA = bytes.fromhex('d188b0789dcae7ed9fe1775fba6aa2f29416ac1ba908912b89666219dee361ce')

class Fail(Exception):
    """What a check that does not hold raises: a refusal of §16 and what is wrong."""
def want(holds, code, text):
    if not holds:
        raise Fail(f'{code}: {text}')
def need(holds, text):
    if not holds:
        raise ValueError(text)

# ---- §1, §4, §6: hashes and signatures ----

def H(data):
    return hashlib.sha256(data).digest()
def L(label, *parts):
    return H(label.encode() + b'\0' + b''.join(parts))
def u(bits, value):
    return value.to_bytes(bits // 8, 'big')
def commitment(salt, content):
    return L('mystranet/v1/content', salt, u(64, len(content)), content)
def document_digest(thing, body):
    return L('mystranet/v1/document/' + thing, u(32, len(body)), body)
def pae(thing, body):
    kind = f'application/vnd.mystranet.{thing}.v1+protobuf'.encode()
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(body), body)

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
SMALL = {0, 1, P - 1} | {int.from_bytes(bytes.fromhex(y), 'little') for y in (
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')}

@functools.lru_cache(1 << 16)
def signed(key, signature, message):
    """The one verdict of §6. OpenSSL's is cofactorless (rule 3); rules 1 and 2 are made beside it."""
    if len(key) != 32 or len(signature) != 64 or int.from_bytes(signature[32:], 'little') >= ORDER:
        return False
    ys = [int.from_bytes(point, 'little') & (1 << 255) - 1 for point in (key, signature[:32])]
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return all(y < P and y not in SMALL for y in ys)
    except (InvalidSignature, ValueError):
        return False

# ---- §3: the canonical encoding, read by a table that the .proto files give ----

NUMBERS = {'uint32': 1 << 32, 'uint64': 1 << 64, 'bool': 2, 'enum': 1 << 31}
TABLE = {}  # message → number → (field, kind, label, oneof, options); the kind of an enum is 'enum'

def load_protos(folder):
    paths = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names if name.endswith('.proto')]
    text = re.sub(r'//[^\n]*', '', ''.join(open(path, encoding='utf-8').read() for path in paths))
    enums = set(re.findall(r'^enum (\w+)', text, re.M))
    field = re.compile(r'oneof (\w+) \{|(\})|(repeated |optional )?([\w.]+) (\w+) = (\d+)\s*(\[[^;]*\])?;')
    for message, body in re.findall(r'^message (\w+) \{\n(.*?)^\}', text, re.M | re.S):
        group, TABLE[message] = None, {}
        for oneof, end, label, kind, name, number, options in field.findall(body):
            group = oneof or None if oneof or end else group
            if name:
                kind, options = kind.rpartition('.')[2], dict(re.findall(r'v1\.(\w+)\) = ([^,\]]+)', options))
                TABLE[message][int(number)] = (name, 'enum' if kind in enums else kind, label.strip(), group, options)

class Message(dict):
    """A message that was read; `in` tells whether a field is there. An absent one is [], '', 0 or None by its kind."""
    def __init__(self, name):
        self.name = name
    def __getattr__(self, field):
        kind, label = next((kind, label) for name, kind, label, *_ in TABLE[self.name].values() if name == field)
        return self.get(field, [] if label == 'repeated' else {'string': ''}.get(kind, 0 if kind in NUMBERS else None))

def varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 64, 'a number is cut or too long')
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        if data[at - 1] < 128:
            need(value < 1 << 64 and (data[at - 1] or shift == 7), 'a number is not minimal')
            return value, at

def number(field, kind, value):
    need(value < (1 << 53 if field.endswith('_ms') else NUMBERS[kind]), f'{field} is too large')
    return value

def chunk(field, kind, options, data):
    """The value of a field of wire type 2."""
    items, at = [], 0
    while kind in NUMBERS and at < len(data):
        item, at = varint(data, at)
        items.append(number(field, kind, item))
    need(len(data) <= int(options.get('max_bytes', len(data))), f'{field} is too long')
    need(len(data) == int(options.get('length', len(data))), f'{field} has another length')
    return items if kind in NUMBERS else data.decode() if kind == 'string' else decode(kind, data) if kind in TABLE else data

def decode(name, data):
    """Reads one message. ValueError for every other encoding than the one."""
    message, at, before, groups = Message(name), 0, 0, set()
    while at < len(data):
        tag, at = varint(data, at)
        need(tag >> 3 in TABLE[name], f'unknown field of {name}')
        field, kind, label, group, options = TABLE[name][tag >> 3]
        is_number, is_list = kind in NUMBERS, label == 'repeated'
        need(tag & 7 == (0 if is_number and not is_list else 2), f'{field} is of another wire type')
        need(tag >> 3 > before or tag >> 3 == before and is_list and not is_number, f'{field} is out of order or twice')
        need(group is None or group not in groups, f'two members of {group}')
        groups.add(group)
        before, (value, at) = tag >> 3, varint(data, at)
        if tag & 7 == 0:
            value = number(field, kind, value)
        else:
            need(value <= len(data) - at, 'the bytes end inside a value')
            at += value
            value = chunk(field, kind, options, data[at - value:at])
        need(label or group or kind in TABLE or value, f'{field} is empty')
        if is_list:
            value = value if is_number else [*message.get(field, []), value]
            need(0 < len(value) <= int(options.get('max_items', len(value))), f'{field} has too many items or none')
        message[field] = value
    for field, *_, options in TABLE[name].values():
        need(field in message or options.get('required') != 'true', f'{field} is absent')
    return message

def read(name, data, code):
    try:
        return decode(name, data)
    except ValueError as error:
        raise Fail(f'{code}: {name}: {error}') from None

# ---- §10 and §14: policies, trust files, notes, trees (C2SP) ----

def base64_strict(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, 'base64 is not canonical')
    return data

def vkey(text, kind):
    """A verifier key of signed-note: (name, key id, Ed25519 key)."""
    name, key_id, material = text.split('+', 2)
    data = base64_strict(material)
    need(name and len(data) == 33 and data[0] == kind and key_id == H(name.encode() + b'\n' + data)[:4].hex(), 'no such key')
    return name, bytes.fromhex(key_id), data[1:]

class Policy:
    """tlog-policy: whose signatures make a checkpoint count."""
    def __init__(self, text):
        self.logs, self.witnesses, self.groups, self.quorum, members = [], {}, {}, None, []
        for line in text.split('\n'):
            word, *rest = re.split(r'[ \t]+', line.strip(' \t'))
            names = {'none', *self.witnesses, *self.groups}
            if word == 'log' and len(rest) in (1, 2):
                self.logs.append(vkey(rest[0], 1))
            elif word == 'witness' and len(rest) in (2, 3) and rest[0] not in names:
                self.witnesses[rest[0]] = vkey(rest[1], 4)
            elif word == 'group' and len(rest) > 2 and rest[0] not in names and set(rest[2:]) <= names - {'none'}:
                k = {'all': len(rest) - 2, 'any': 1}.get(rest[1]) or int(re.fullmatch('[1-9][0-9]*', rest[1])[0])
                self.groups[rest[0]], members = (k, rest[2:]), members + rest[2:]
                need(k <= len(rest) - 2 and len(set(members)) == len(members), 'a group that cannot be')
            elif word == 'quorum' and len(rest) == 1 and self.quorum is None and rest[0] in names:
                self.quorum = rest[0]
            else:
                need(word.startswith('#') or not word, f'a line that cannot be: {line}')
        keys = [key for _, _, key in [*self.logs, *self.witnesses.values()]]
        need(self.quorum and self.logs and len(set(keys)) == len(keys), 'no quorum, no log, or a key twice')

    def holds(self, cosigners, name=None):
        name = name or self.quorum
        k, members = self.groups.get(name, (1, ()))
        return name == 'none' or name in cosigners or sum(self.holds(cosigners, member) for member in members) >= k

class Trust:
    """A trust file. ValueError or TypeError where it cannot be used."""
    def __init__(self, data):
        head, found, policy = data.decode().partition('\n\n')
        first, *lines = head.split('\n')
        need(len(data) <= 65536 and not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', data.decode()), 'no trust file')
        need(first == 'mystranet.org/trust@v1' and found, 'no trust file')
        self.policy, self.operators, required = Policy(policy), {}, set()
        self.name, self.keys = None, {'table-signer': [], 'publisher': [], 'authorizer': [], 'nexus': []}
        for line in lines:
            word, _, rest = line.partition(' ')
            words = rest.split(' ')
            if word == 'name' and self.name is None and rest == rest.strip() != '':
                self.name = rest
            elif word in self.keys and re.fullmatch('[0-9a-f]{64}', rest) and bytes.fromhex(rest) not in self.keys[word]:
                self.keys[word].append(bytes.fromhex(rest))
            elif word == 'operator' and len(words) == 2 and words[1] and words[0] in {*self.policy.witnesses} - {*self.operators}:
                self.operators[words[0]] = words[1]
            elif word == 'require' and set(words) <= set(CHECKS):
                required.update(words)
            else:
                need(line.startswith('#'), f'a statement that cannot be: {line}')
        need(self.name is not None, 'no name')
        self.required = {name for name in CHECKS if name not in OPTIONAL or name in required}
        origin, key = self.policy.logs[0][0].encode(), self.policy.logs[0][2]
        self.network = L('mystranet/v1/network', u(16, len(origin)), origin, key)
        self.checkpoint = functools.lru_cache(4096)(lambda note: read_checkpoint(note, self.policy))

def read_checkpoint(note, policy):
    """A checkpoint that a log of the policy signed: log, size, root, cosigners with their times in ms, has_quorum."""
    try:
        text = note.decode()
        body, _, tail = text.rpartition('\n\n')
        origin, size, root = body.split('\n')
        size, root = int(re.fullmatch('0|[1-9][0-9]{0,18}', size)[0]), base64_strict(root)
        lines = [re.fullmatch(r'— ([^\s+]+) (\S+)', line).groups() for line in tail.removesuffix('\n').split('\n')]
        signatures = {(name, base64_strict(value)[:4]): base64_strict(value)[4:] for name, value in lines}
        need(len(note) <= 65536 and not re.search(r'[\x00-\x09\x0b-\x1f]', text) and tail.endswith('\n'), 'no text')
        need(len(signatures) == len(lines) and all(signatures.values()), 'signed twice, or by nothing')
        need(origin and size < 1 << 63 and len(root) == 32 and (size or root == H(b'')), 'no tree')
    except (ValueError, TypeError, AttributeError) as error:
        raise Fail(f'NOTE_MALFORMED: the checkpoint is no note: {error}') from None
    body, log, times, spoiled = body.encode() + b'\n', None, {}, False
    for place, (name, key_id, key) in enumerate(policy.logs):
        if (name, key_id) in signatures:
            want(signed(key, signatures[name, key_id], body), 'CHECKPOINT_UNTRUSTED', f'the signature of {name} is wrong')
            log = place if name == origin else log
    for witness, (name, key_id, key) in policy.witnesses.items():
        if (name, key_id) in signatures:
            value = signatures[name, key_id]
            seconds = int.from_bytes(value[:8], 'big')
            message, times[witness] = b'cosignature/v1\ntime %d\n%s' % (seconds, body), seconds * 1000
            spoiled |= seconds >> 63 > 0 or not signed(key, value[8:], message)
    want(log is not None, 'CHECKPOINT_UNTRUSTED', 'no log of the trust file signed it')
    return SimpleNamespace(log=log, size=size, root=root, times=times, has_quorum=not spoiled and policy.holds(times))

def quorum_time(point, policy, leaf):
    """§9: the least time by which the cosignatures satisfy the policy; the leaf's own where none is asked for."""
    return leaf.time if policy.quorum == 'none' else next(
        t for t in sorted(point.times.values()) if policy.holds({w for w, other in point.times.items() if other <= t}))

def is_independent(point, trust):
    by_operator = {}
    for witness in point.times:
        by_operator.setdefault(trust.operators.get(witness, (witness,)), []).append(witness)
    return any(trust.policy.holds(set(chosen)) for chosen in itertools.product(*by_operator.values()))

def root_of(node, index, size, path):
    """RFC 9162 §2.1.3.2; None where the path cannot be."""
    last = size - 1
    for sibling in path if index <= last else [b'']:
        if last <= 0:
            return None
        is_right = index & 1 or index == last
        node = H(b'\1' + (sibling + node if is_right else node + sibling))
        while is_right and index and not index & 1:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    return node if last == 0 else None

LEAF = 'kind time partition seq previous subject attempt commitment digest'.split()

def prove(receipt, trust, **expected):
    """A receipt's leaf, proven (§10) and as expected, with its addendum, position and quorum time."""
    data, addendum, bad = receipt.leaf, receipt.addendum, 'LEAF_MISMATCH'
    want(len(data) >= 200 and data[:18] == b'mystranet/v1/leaf\0', bad, 'no leaf')
    leaf = SimpleNamespace(**dict(zip(LEAF, struct.unpack('>BQ32sQ32s32sI32s32s', data[18:199]))))
    suffix = b'\0' if leaf.digest == bytes(32) else u(32, 167) + b'\1'
    want(data[199:] == suffix and 1 <= leaf.kind <= 21 and leaf.time < 1 << 53 and leaf.seq, bad, 'no leaf')
    want((H(addendum) if addendum else bytes(32)) == leaf.digest, bad, 'another addendum')
    point = trust.checkpoint(receipt.checkpoint)
    want(point.has_quorum, 'CHECKPOINT_UNTRUSTED', 'no quorum of witnesses')
    root = root_of(H(b'\0' + data), receipt.index, point.size, receipt.path)
    want(root == point.root, 'PROOF_INVALID', 'the path does not lead to the root')
    leaf.addendum = read('Addendum', addendum, bad) if addendum else None
    leaf.position, leaf.quorum_time = (point.log, receipt.index), quorum_time(point, trust.policy, leaf)
    for name, value in expected.items():
        want(getattr(leaf, name) == value, bad, f'the leaf names another {name}')
    return leaf

def prove_document(receipt, trust, kind, thing, digest):
    return prove(receipt, trust, kind=kind, subject=digest, partition=L('mystranet/v1/control-partition', thing.encode()))

# ---- §9: key chains ----

EVENT_FIELDS = 'prev delegation root_key key next_key_hash suite kem_key delete_after_ms not_after_ms name tags possession'.split()
# By type, for each field: M present, O optional, - absent.
EVENT_RULES = {1: 'O-MMO---MOOM', 2: 'OO-M--------', 3: '-M-M----M--M', 4: '-M---MMM----'}

class Chain:
    """An instance's events, valid, or Fail."""
    def __init__(self, chain, instance, trust):
        self.events, self.by_digest, taken, last, announced, bad = [], {}, set(), None, None, 'KEY_EVENT_INVALID'
        for logged in chain.events:
            body, event = logged.event.body, read('KeyEvent', logged.event.body, bad)
            there = [field in (logged.event if field == 'possession' else event) for field in EVENT_FIELDS]
            rules = EVENT_RULES.get(event.type, '?' * 12)
            want(all(r == 'O' or t == (r == 'M') and r != '?' for t, r in zip(there, rules)), bad, 'fields of another type')
            want((event.network, event.instance) == (trust.network, instance), bad, 'of another network or instance')
            want(event.type != 1 or L('mystranet/v1/instance-id', event.root_key) == instance, bad, 'another root key')
            want(event.type != 4 or len(event.kem_key) == {1: 32, 2: 1216}.get(event.suite), bad, 'a prekey of another suite')
            event.digest, by_root = document_digest('key-event', body), event.type == 1 or 'prev' in event
            event.position = prove_document(logged.receipt, trust, 11, 'key-event', event.digest).position
            above, made_by = self.by_digest.get(event.prev if by_root else event.delegation), (self.events or [event])[0].root_key
            if self.events:
                want(self.events[-1].position < event.position, bad, 'out of log order')
            else:
                want(event.type == 1 and 'prev' not in event, bad, 'the first is no first delegation')
            event.void = by_root and event.prev in taken or above is not None and above.void
            if by_root:
                want(event.type == 1 or 'delegation' not in event, bad, 'a revocation with prev and delegation')
                want(event.void or event.prev == last, bad, 'prev is not the last')
            else:
                want(above and above.type == 1, bad, 'hangs from no delegation')
                made_by = above.key
            proofs = [(made_by, logged.event.signature), (event.key, logged.event.possession)][:1 + there[-1]]
            want(all(signed(*proof, pae('key-event', body)) for proof in proofs), 'SIGNATURE_INVALID', 'a key event is not signed')
            if by_root and not event.void:
                want(event.type != 1 or announced in (None, L('mystranet/v1/next-key', event.key)), bad, 'not the announced key')
                announced, last = event.next_key_hash if event.type == 1 else announced, event.digest
                taken.add(event.prev)
            self.by_digest[event.digest] = event
            self.events.append(event)

    def head(self, position):
        return next((e.digest for e in reversed(self.events) if e.type < 3 and e.position < position), None)

    def want_live(self, key, leaf):
        below = [e for e in self.events if e.position < leaf.position and not e.void]
        ends = [self.end(e, self.by_digest[e.delegation], below, leaf.quorum_time) for e in below if e.type == 3 and e.key == key]
        want(None in ends, (ends or ['KEY_UNKNOWN'])[-1], 'the key is not live')

    def end(self, event, delegation, below, time):
        if [e for e in below if e.type == 1][-1] is not delegation or any(
                e.type == 2 and e.delegation in (None, event.delegation) and e.key in (event.key, delegation.key) for e in below):
            return 'KEY_REVOKED'
        return 'KEY_EXPIRED' if time > min(event.not_after_ms, delegation.not_after_ms) else None

# ---- §13: the checks. Each raises Fail, or returns why it must be skipped; what it proves, it leaves in c ----

KINDS = {'request': 1, 'open': 2, 'close': 3}
BUCKETS = {256, *(1 << n for n in (10, *range(12, 21))), *(n << 20 for n in range(1, 8))}

def missing(**there):
    return '; '.join(f'no {name}, or it is not proven' for name, value in there.items() if not value)

def envelope(c):
    c.cores, bad = {}, 'FIELD_INVALID'
    for name in c.packets:
        header = read('Header', c.packets[name].header, 'PACKET_MALFORMED')
        core = c.cores[name] = read('HeaderCore', header.core, 'PACKET_MALFORMED')
        for holds, code in ((core.version == 1, 'VERSION_UNSUPPORTED'), (core.suite in (1, 2), 'SUITE_UNKNOWN'),
                            (core.kind == KINDS[name], 'KIND_UNKNOWN'), (core.schema == SCHEMA, 'SCHEMA_UNKNOWN'),
                            (core.network == c.trust.network, 'NETWORK_MISMATCH'),
                            ({'signature', 'batch'} & set(c.packets[name]), 'PACKET_MALFORMED'),
                            (len(set(core.recipients)) == len(core.recipients), 'RECIPIENTS_MISMATCH')):
            want(holds, code, f'the {name} is of another, unsigned, or names a recipient twice')
        asks, versions = name == 'request', core.compatible_versions
        body = name != 'close' or core.code != 8 or 'content_commitment' in core
        there = {'recipients': asks, 'in_reply_to': not asks, 'attempt': not asks, 'response_nonce': not asks and body,
                 'code': name == 'close', 'padded_size': body, 'content_commitment': body, 'table_digest': asks}
        there |= {} if asks else dict.fromkeys(('retry', 'session', 'priority', 'prefix_tag', 'supersedes'), False)
        want(all((field in core) == is_there for field, is_there in there.items()), bad, f'fields of the {name}')
        want(('recipients_hash' in header, 'ciphertext_hash' in header) == (asks, body), bad, f'hashes of the {name}')
        want('target_instance' in core or asks and re.fullmatch('[a-z0-9][a-z0-9._-]{0,127}', core.target_tag), bad, 'no target')
        want(versions == sorted(set(versions)) and 1 in versions and core.created_ms < core.expires_ms, bad, 'versions or times')
        want(not body or core.padded_size in BUCKETS, bad, 'padded_size is no bucket')
        want((name != 'close' or 3 <= core.code <= 8) and core.priority < 3, bad, 'another finish or priority')
        want(not core.retry or core.retry.max_attempts <= 8, bad, 'too many attempts')
    c.request, c.open, c.close = (c.cores.get(name) for name in KINDS)
    c.reply = c.open or c.close
    c.ids = {name: L('mystranet/v1/packet-id', u(32, len(p.header)), p.header) for name, p in c.packets.items()}
    c.partition = L('mystranet/v1/partition', c.request.sender, c.request.correlation_id)

def verify_packet(c, name):
    packet, core = c.packets[name], c.cores[name]
    message, signature = pae('packet', packet.header), packet.signature
    if packet.batch:
        root = read('BatchRoot', packet.batch.statement, 'SIGNATURE_INVALID')
        index, same = core.seq - root.first_seq, all(root[f] == core[f] for f in ('network', 'sender_key', 'epoch', 'created_ms'))
        want(same and 2 <= root.size <= 1024 and 0 <= index < root.size and root.root == root_of(
            H(b'\0' + message), index, root.size, packet.batch.path), 'SIGNATURE_INVALID', f'the {name} is not of its batch')
        message, signature = pae('batch-root', packet.batch.statement), packet.batch.signature
    want(signed(core.sender_key, signature, message), 'SIGNATURE_INVALID', f'the signature of {name} is wrong')

def answer_signature(c):
    for name in set(c.packets) - {'request'}:
        verify_packet(c, name)
    want(not c.open or not c.close or c.open.sender_key == c.close.sender_key, 'SIGNATURE_INVALID', 'two keys')
    return missing(open=c.open, close=c.close)

def binding(c):
    bad, decision = 'ANSWER_INVALID', c.leaves['attempt'].addendum.decision if 'attempt' in c.leaves else None
    expected = (c.ids['request'], c.request.correlation_id, c.request.sender, c.request.suite)
    for core in filter(None, (c.open, c.close)):
        want((core.in_reply_to, core.correlation_id, core.target_instance, core.suite) == expected, bad, 'no reply to the request')
    twins = ('sender', 'attempt', 'response_nonce')
    want(not c.open or not c.close or all(c.open[field] == c.close.get(field, c.open[field]) for field in twins), bad, 'no twins')
    want(not c.reply or c.reply.sender in c.request.recipients, bad, 'the agent is no recipient')
    want(not decision or not c.reply or decision.agent == c.reply.sender, bad, 'the decision names another agent')
    want(not decision or not c.table or decision.table_version == c.table.version, bad, 'the decision names another table')
    gap = missing(open=c.open, close=c.close, content_of_close='close' in c.contents)
    want(gap or c.contents['close'].stream == c.ids['open'], bad, 'CLOSE ends another stream')
    return gap or missing(attempt=decision, table=c.table)

def keys(c):
    gaps = []
    for side, names in (('sender', ['request']), ('agent', ['open', 'close'])):
        names, chain = [name for name in names if name in c.cores], c.answer.get(side + '_keys')
        gaps.append(missing(**{side + '_keys': chain, side: names}))
        if chain and names:
            c.chains[side] = Chain(chain, c.cores[names[0]].sender, c.trust)
            for name in names:
                gaps.append(missing(**{name: c.leaves.get(name)}))
                if name in c.leaves:
                    c.chains[side].want_live(c.cores[name].sender_key, c.leaves[name])
    return '; '.join(filter(None, gaps))

def revocation(c):
    gaps = [missing(answer=c.reply)]
    for name in c.cores:
        chain, leaf = c.chains.get('sender' if name == 'request' else 'agent'), c.leaves.get(name)
        gaps.append(missing(chain=chain, leaf=leaf))
        want(not chain or not leaf or 'chain_head' in leaf.addendum and chain.head(leaf.position) == leaf.addendum.chain_head,
             'KEY_EVENT_INVALID', f'the leaf of {name} names another head')
    return '; '.join(filter(None, gaps))

def inclusion(c, name, kind):
    core, receipt = c.cores.get(name), c.packets[name].receipt if name in c.packets else None
    if receipt:
        leaf = prove(receipt, c.trust, kind=kind, subject=c.ids[name], partition=c.partition, attempt=core.attempt,
                     commitment=core.content_commitment or bytes(32))
        fields = ('sender', 'sender_key', 'epoch', 'seq', 'recipients')
        want(leaf.addendum and all(leaf.addendum.get(f) == core.get(f) for f in fields), 'LEAF_MISMATCH', 'another sender')
        c.leaves[name] = leaf
    return missing(**{name: core, 'receipt': receipt})

def attempt_inclusion(c):
    if not c.answer.attempt:
        return 'the attempt has no receipt'
    leaf = prove(c.answer.attempt, c.trust, kind=2, subject=c.ids['request'], partition=c.partition,
                 commitment=c.request.table_digest, **({'attempt': c.reply.attempt} if c.reply else {}))
    want(leaf.attempt and leaf.addendum and leaf.addendum.decision, 'LEAF_MISMATCH', 'no number or no decision')
    after, before = c.leaves.get('request'), c.leaves.get('open')
    want(not after or after.position < leaf.position, 'LEAF_MISMATCH', 'before the request')
    want(not before or leaf.position < before.position, 'LEAF_MISMATCH', 'not before OPEN')
    c.leaves['attempt'] = leaf
    return missing(request=after, open=before or not c.open)

def receipts(message):
    for value in (value for field, value in message.items() if field not in ('registry_entry_receipt', 'authorization_receipt')):
        for item in filter(lambda item: isinstance(item, Message), value if isinstance(value, list) else [value]):
            yield from [item] if item.name == 'Receipt' else receipts(item)

def checkpoint(c):
    c.points, roots = [c.trust.checkpoint(receipt.checkpoint) for receipt in receipts(c.answer)], {}
    for point in c.points:
        want(roots.setdefault((point.log, point.size), point.root) == point.root, 'CHECKPOINT_UNTRUSTED', 'two roots of one size')
    return missing(receipts=c.points)

def witness_quorum(c):
    want(all(point.has_quorum for point in c.points), 'CHECKPOINT_UNTRUSTED', 'no quorum of witnesses')

def witness_independence(c):
    want(not c.trust.operators or all(is_independent(point, c.trust) for point in c.points), 'CHECKPOINT_UNTRUSTED',
         'no quorum when the witnesses of one operator count once')
    return missing(operators=c.trust.operators)

def freshness(c):
    earliest, latest = c.request.created_ms - 30000, c.request.expires_ms + 30000
    for leaf in (c.leaves[name] for name in ('request', 'attempt') if name in c.leaves):
        want(all(earliest <= time <= latest for time in (leaf.time, leaf.quorum_time)), 'CLOCK_SKEWED', 'logged at another time')
    want(not c.table or c.table.not_before_ms <= c.request.created_ms < c.table.expires_ms, 'CLOCK_SKEWED', 'not the table in force')
    return missing(attempt=c.leaves.get('attempt'), table=c.table)

def document(c, thing, data, signers, code):
    """The body of a SignedDocument by one of the signers, and its digest."""
    outer = read('SignedDocument', data, 'DOCUMENT_MALFORMED')
    want(outer.key in signers, code, f'the {thing} is signed by a key that may not sign it')
    want(signed(outer.key, outer.signature, pae(thing, outer.body)), 'SIGNATURE_INVALID', f'the {thing} is not signed')
    body = read(thing.title().replace('-', ''), outer.body, 'DOCUMENT_MALFORMED')
    want(body.network == c.trust.network, 'NETWORK_MISMATCH', f'the {thing} is of another network')
    return body, document_digest(thing, outer.body)

def routing_table(c):
    bad, receipt, attempt = 'TABLE_INVALID', c.answer.routing_table_receipt, c.leaves.get('attempt')
    if receipt and c.answer.routing_table:
        table, digest = document(c, 'routing-table', c.answer.routing_table, c.trust.keys['table-signer'], bad)
        want(all(len({x.instance for x in rule.candidates}) == len(rule.candidates) for rule in table.rules), bad, 'one twice')
        want((table.version == 1) == ('previous' not in table) and digest == c.request.table_digest, bad, 'another table')
        leaf = prove_document(receipt, c.trust, 15, 'routing-table', digest)
        want(not attempt or leaf.position < attempt.position, bad, 'logged after the attempt')
        c.table = table
    return missing(table=c.table, attempt=attempt)

def candidate(c):
    if not c.reply:
        return 'there is no answer'
    agent, target, decision = c.reply.sender, c.request.target_instance, c.leaves['attempt'].addendum.decision
    for rule in c.table.rules:
        instances = [x.instance for x in rule.candidates]
        matches = target in instances or rule.deny and not instances if target else rule.tag in ('', c.request.target_tag)
        if matches and (not rule.senders or c.request.sender in rule.senders) and rule.priority in (0, c.request.priority):
            want(not rule.deny and instances, 'NOT_PERMITTED' if rule.deny else 'NO_ROUTE', 'the rule lets nobody answer')
            want(agent in c.request.recipients and agent in ([target] if target else instances) and rule.id == decision.rule,
                 'NOT_A_CANDIDATE', 'not a recipient, not a candidate, or another rule')
            return ''
    raise Fail('NO_ROUTE: no rule')

def disclose(c, name, promised, opening):
    """What was said, where its opening is here and fits the commitment."""
    if promised and opening:
        content = opening.content or b''
        want(commitment(opening.salt, content) == promised, 'COMMITMENT_MISMATCH', f'{name}: another content')
        c.contents[name] = read(name.title() + 'Content', content, 'CONTENT_INVALID')
    return missing(**{'content_of_' + name: name in c.contents})

def disclose_packet(c, name):
    return disclose(c, name, *((c.cores[name].content_commitment, c.packets[name].opening) if name in c.cores else (None, None)))

def answer_commitment(c):
    gaps = [disclose_packet(c, 'open'), disclose_packet(c, 'close')]
    promised = c.contents['close'].answer_commitment if 'close' in c.contents else None
    return '; '.join(filter(None, [*gaps, disclose(c, 'answer', promised, c.answer.answer)]))

def completeness(c):
    want(c.close, 'STREAM_TRUNCATED', 'there is no CLOSE')
    want(c.close.code in (3, 5), 'ANSWER_CUT', 'the finish is not complete')
    want('close' not in c.contents or c.contents['close'].frames, 'STREAM_INVALID', 'complete without a frame')
    return missing(content='close' in c.contents)

def model_statement(c):
    if 'open' not in c.contents:
        return 'the content of OPEN is not proven'
    data, receipt, opened = c.contents['open'].model_statement, c.answer.model_statement_receipt, c.leaves.get('open')
    c.statement, digest = document(c, 'model-statement', data, [c.open.sender_key], 'SIGNATURE_INVALID')
    want(c.statement.agent == c.open.sender, 'DOCUMENT_MALFORMED', 'of another agent')
    leaf = prove_document(receipt, c.trust, 12, 'model-statement', digest) if receipt else None
    want(not leaf or not opened or leaf.position < opened.position, 'LEAF_MISMATCH', 'logged after OPEN')
    return missing(receipt=receipt, open=opened)

def vouched(c, thing, signer, fields):
    name, bad = thing.replace('-', '_'), 'DOCUMENT_MALFORMED'
    if name not in c.answer:
        return f'the {thing} is not here'
    body, digest = document(c, thing, c.answer[name], c.trust.keys[signer], 'SIGNATURE_INVALID')
    want(digest == c.statement.get(name), bad, 'not the one that the statement names')
    want(all(body[f] == c.statement.get(f) for f in fields.split() if f in body), bad, 'not of what the statement names')
    want('expires_ms' not in body or body.created_ms <= c.leaves['open'].time < body.expires_ms, bad, 'not in force at OPEN')

LEAVES = 'envelope checkpoint witness-quorum'
# name → (what makes it, its grounds, the checks whose findings it uses)
CHECKS = {
    'envelope': (envelope, '', ''), 'request-signature': (lambda c: verify_packet(c, 'request'), 'envelope', ''),
    'answer-signature': (answer_signature, 'envelope', ''),
    'binding': (binding, 'envelope', 'answer-commitment attempt-inclusion routing-table'),
    'keys': (keys, LEAVES, 'request-inclusion open-inclusion close-inclusion'), 'revocation': (revocation, LEAVES, 'keys'),
    'request-inclusion': (lambda c: inclusion(c, 'request', 1), LEAVES, ''),
    'attempt-inclusion': (attempt_inclusion, LEAVES, 'request-inclusion open-inclusion'),
    'open-inclusion': (lambda c: inclusion(c, 'open', 3), LEAVES, ''),
    'close-inclusion': (lambda c: inclusion(c, 'close', 4), LEAVES, ''), 'checkpoint': (checkpoint, '', ''),
    'witness-quorum': (witness_quorum, 'checkpoint', ''), 'witness-independence': (witness_independence, 'witness-quorum', ''),
    'freshness': (freshness, 'envelope request-inclusion', 'attempt-inclusion routing-table'),
    'routing-table': (routing_table, LEAVES, 'attempt-inclusion'), 'candidate': (candidate, 'routing-table attempt-inclusion', ''),
    'request-commitment': (lambda c: disclose_packet(c, 'request') or missing(leaf=c.leaves.get('request')), 'envelope',
                           'request-inclusion'),
    'answer-commitment': (answer_commitment, 'envelope', ''), 'completeness': (completeness, 'envelope', 'answer-commitment'),
    'model-statement': (model_statement, LEAVES, 'answer-commitment open-inclusion'),
    'registry-entry': (lambda c: vouched(c, 'registry-entry', 'publisher', 'file_digest chat_template_digest tokenizer_digest'),
                       'model-statement', ''),
    'authorization': (lambda c: vouched(c, 'authorization', 'authorizer', 'agent file_digest chat_template_digest'),
                      'model-statement open-inclusion', ''),
}
OPTIONAL = ('witness-independence', 'registry-entry', 'authorization', 'request-commitment')

def judge(c, name):
    """Makes a check once, after those that it builds on: (result, reason)."""
    if name not in c.results:
        make, grounds, uses = CHECKS[name]
        results = {other: judge(c, other)[0] for other in (grounds + ' ' + uses).split()}
        failed = next((other for other in grounds.split() if results[other] != 'pass'), None)
        try:
            reason = f'builds on {failed}, which did not pass' if failed else make(c)
            c.results[name] = ('skipped', reason) if reason else ('pass', 'asserted by the log' if name == 'revocation' else '')
        except Fail as reason:
            c.results[name] = ('fail', str(reason))
    return c.results[name]

def verdict(results, trust):
    rows = [{'name': name, 'result': result, 'reason': reason, 'required': name not in CHECKS or name in trust.required}
            for name, (result, reason) in results.items()]
    found = {row['result'] for row in rows if row['required'] or row['result'] == 'fail'}
    status = 'FAILED' if 'fail' in found else 'PARTIAL' if 'skipped' in found else 'VERIFIED'
    line = f'{status} under {json.dumps(trust.name, ensure_ascii=False)}'
    return {'status': status, 'line': line, 'trustName': trust.name, 'checks': rows}

def examine(data, trust):
    """The verdict on the bytes of a saved answer."""
    try:
        answer = decode('SavedAnswer', data)
        need(answer.version == 1 and len(data) <= 1 << 24, 'another version, or too large')
    except ValueError as error:
        skipped = {name: ('skipped', 'the saved answer cannot be read') for name in CHECKS}
        return verdict(skipped | {'envelope': ('fail', f'ANSWER_INVALID: {error}')}, trust)
    c = SimpleNamespace(answer=answer, trust=trust, results={}, leaves={}, contents={}, chains={}, table=None,
                        packets={name: answer[name] for name in KINDS if name in answer})
    return verdict({name: judge(c, name) for name in CHECKS}, trust)

def read_proof(data):
    """The Receipt in a .tlog-proof (§10): extra = u16 len(leaf) ‖ leaf ‖ addendum."""
    head, _, note = data.partition(b'\n\n')
    _, extra, index, *path = head.decode().split('\n')
    extra, receipt = base64_strict(re.fullmatch('extra (.+)', extra)[1]), Message('Receipt')
    end, index = 2 + int.from_bytes(extra[:2], 'big'), int(re.fullmatch('index (0|[1-9][0-9]{0,19})', index)[1])
    receipt.update(leaf=extra[2:end], addendum=extra[end:] or None, index=index, path=[*map(base64_strict, path)], checkpoint=note)
    return receipt

def examine_receipt(data, trust):
    """The verdict on a receipt: the text of tlog-proof, or the bytes of a Receipt."""
    try:
        prove(read_proof(data) if data.startswith(b'c2sp.org/tlog-proof@v1\n') else decode('Receipt', data), trust)
        return verdict({'receipt': ('pass', '')}, trust)
    except (ValueError, TypeError, Fail) as reason:
        return verdict({'receipt': ('fail', str(reason) if isinstance(reason, Fail) else f'PROOF_INVALID: {reason}')}, trust)

def main():
    parser = argparse.ArgumentParser(description='Verifies a saved answer or a receipt.')
    for name, options in (('file', {}), ('--trust', {'required': True}), ('--json', {'action': 'store_true'}),
                          ('--protos', {'default': PROTOS})):
        parser.add_argument(name, **options)
    options = parser.parse_args()
    try:
        load_protos(options.protos)
        trust, data = Trust(open(options.trust, 'rb').read()), open(options.file, 'rb').read()
    except (OSError, ValueError, TypeError) as error:
        sys.exit(print(f'Cannot begin: {error}', file=sys.stderr) or 2)
    # A saved answer begins with its version, a Receipt with its leaf.
    result = (examine if data.startswith(b'\x08') else examine_receipt)(data, trust)
    print(json.dumps(result, indent=2) if options.json else result['line'])
    for row in [] if options.json else result['checks']:
        mark = {'pass': '✓', 'fail': '✗', 'skipped': '–'}[row['result']]
        print(f"  {mark}  {row['name']:20}  {row['result']:7}  {row['reason']}".rstrip())
    sys.exit({'VERIFIED': 0, 'FAILED': 1, 'PARTIAL': 3}[result['status']])

if __name__ == '__main__':
    main()
