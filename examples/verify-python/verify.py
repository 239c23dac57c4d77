#!/usr/bin/env python3
"""Verifies saved answers (.weave) and receipts (.tlog-proof) of MystraNet Weave, offline: python verify.py FILE --trust TRUST_FILE
[--json] [--protos FOLDER]. Exits with 0 for VERIFIED, 1 FAILED, 3 PARTIAL, 2 when the command or a file cannot be used. Written from
docs/protocol.md (its sections are the § below) and packages/schemas/proto/ alone, to show that they suffice."""
import argparse, base64, functools, glob, hashlib, itertools, json, os, re, struct, sys
from types import SimpleNamespace
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packages', 'schemas', 'proto')
SCHEMA = bytes.fromhex('f4e76d762e22b9dc14858f8d1526d575181437b66ae0f81868a7698f662a041a')  # §5
class Fail(Exception): ...  # what a check that does not hold raises: a refusal of §16 and what is wrong
def need(holds, text, error=ValueError):
    if not holds:
        raise error(text)
want = lambda holds, code, text: need(holds, f'{code}: {text}', Fail)

# ---- §1, §4, §6: hashes and signatures ----
H = lambda data: hashlib.sha256(data).digest()
L = lambda label, *parts: H(label.encode() + b'\0' + b''.join(parts))
u = lambda bits, value: value.to_bytes(bits // 8, 'big')
commitment = lambda salt, content: L('mystranet/v1/content', salt, u(64, len(content)), content)
document_digest = lambda thing, body: L('mystranet/v1/document/' + thing, u(32, len(body)), body)
pae_of = lambda kind, body: b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(body), body)
pae = lambda thing, body: pae_of(f'application/vnd.mystranet.{thing}.v1+protobuf'.encode(), body)
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
ORDER_8 = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'
SMALL = {0, 1, P - 1, *(int.from_bytes(bytes.fromhex(y), 'little') for y in ORDER_8)}
@functools.lru_cache(1 << 16)
def signed(key, signature, message):  # The one verdict of §6. OpenSSL's is cofactorless (rule 3); rules 1 and 2 are made beside it
    ys = [int.from_bytes(point, 'little') & (1 << 255) - 1 for point in (key, signature[:32])]
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return len(signature) == 64 and int.from_bytes(signature[32:], 'little') < ORDER and all(y < P and y not in SMALL for y in ys)
    except (InvalidSignature, ValueError):
        return False

# ---- §3: the canonical encoding, read by a table that the .proto files give ----
NUMBERS = {'uint32': 1 << 32, 'uint64': 1 << 64, 'bool': 2, 'enum': 1 << 31}
TABLE = {}  # message → number → (field, kind, label, oneof, options); the kind of an enum is 'enum'
def load_protos(folder):
    paths = glob.glob(os.path.join(folder, '**', '*.proto'), recursive=True)
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
class Message(dict):  # A message that was read; `in` tells whether a field is there. An absent one is [], '', 0 or None by its kind
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
    return need(value < (1 << 53 if field.endswith('_ms') else NUMBERS[kind]), f'{field} is too large') or value
def chunk(field, kind, options, data):  # The value of a field of wire type 2
    if kind in NUMBERS:
        return [number(field, kind, varint(run, 0)[0]) for run in re.findall(rb'[\x80-\xff]*[^\x80-\xff]|.+', data, re.S)]
    least, most = int(options.get('length', 0)), int(options.get('length', options.get('max_bytes', len(data))))
    need(least <= len(data) <= most, f'{field} has another length')
    return data.decode() if kind == 'string' else decode(kind, data) if kind in TABLE else data
def decode(name, data):  # Reads one message. ValueError for every other encoding than the one
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
        if tag & 7:
            need(value <= len(data) - at, 'the bytes end inside a value')
            at, value = at + value, chunk(field, kind, options, data[at:at + value])
        value = value if tag & 7 else number(field, kind, value)
        need(label or group or kind in TABLE or value, f'{field} is empty')
        message[field] = [*message.get(field, []), *(value if is_number else [value])] if is_list else value
        need(not is_list or 0 < len(message[field]) <= int(options.get('max_items', 1 << 32)), f'{field}: too many or none')
    need(all(row[0] in message for row in TABLE[name].values() if 'required' in row[4]), f'a field of {name} is absent')
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
def vkey(text, kind):  # A verifier key of signed-note: (name, key id, Ed25519 key)
    name, key_id, data = (part if at < 2 else base64_strict(part) for at, part in enumerate(text.split('+', 2)))
    need(name and len(data) == 33 and data[0] == kind and key_id == H(name.encode() + b'\n' + data)[:4].hex(), 'no such key')
    return name, bytes.fromhex(key_id), data[1:]
class Policy:  # tlog-policy: whose signatures make a checkpoint count
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
        name, (k, members) = name or self.quorum, self.groups.get(name or self.quorum, (1, ()))
        return name == 'none' or name in cosigners or sum(self.holds(cosigners, member) for member in members) >= k
class Trust:  # A trust file. ValueError or TypeError where it cannot be used
    def __init__(self, data):
        head, found, policy = data.decode().partition('\n\n')
        first, *lines = head.split('\n')
        is_text = len(data) <= 65536 and not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', data.decode())
        need(is_text and first == 'mystranet.org/trust@v1' and found, 'no trust file')
        self.policy, self.operators, required = Policy(policy), {}, set()
        self.name, self.keys = None, {'table-signer': [], 'publisher': [], 'authorizer': [], 'nexus': []}
        for line in lines:
            (word, _, rest), words = line.partition(' '), line.split(' ')[1:]
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
def read_checkpoint(note, policy):  # A checkpoint that a log of the policy signed: log, size, root, cosigners with their times in ms, has_quorum
    try:
        body, _, tail = (text := note.decode()).rpartition('\n\n')
        origin, size, root = body.split('\n')
        size, root = int(re.fullmatch('0|[1-9][0-9]{0,18}', size)[0]), base64_strict(root)
        lines = [re.fullmatch(r'— ([^\s+]+) (\S+)', line).groups() for line in tail.removesuffix('\n').split('\n')]
        signatures = {(name, base64_strict(value)[:4]): base64_strict(value)[4:] for name, value in lines}
        need(len(note) <= 65536 and not re.search(r'[\x00-\x09\x0b-\x1f]', text) and tail.endswith('\n'), 'no text')
        is_tree = origin and size < 1 << 63 and len(root) == 32 and (size or root == H(b''))
        need(is_tree and len(signatures) == len(lines) and all(signatures.values()), 'no tree, or signed twice or by nothing')
    except (ValueError, TypeError, AttributeError) as error:
        raise Fail(f'NOTE_MALFORMED: the checkpoint is no note: {error}') from None
    body, log, times, spoiled = body.encode() + b'\n', None, {}, False
    for place, (name, key_id, key) in enumerate(policy.logs):
        want(signed(key, signatures.get((name, key_id), b''), body) or (name, key_id) not in signatures, 'CHECKPOINT_UNTRUSTED', name)
        log = place if name == origin and (name, key_id) in signatures else log
    for witness, (name, key_id, key) in policy.witnesses.items():
        if (name, key_id) in signatures:
            value, seconds = signatures[name, key_id][8:], int.from_bytes(signatures[name, key_id][:8], 'big')
            times[witness] = seconds * 1000
            spoiled |= seconds >> 63 > 0 or not signed(key, value, b'cosignature/v1\ntime %d\n%s' % (seconds, body))
    want(log is not None, 'CHECKPOINT_UNTRUSTED', 'no log of the trust file signed it')
    return SimpleNamespace(log=log, size=size, root=root, times=times, has_quorum=not spoiled and policy.holds(times))
def quorum_time(times, policy, leaf):  # §9
    holds = lambda t: policy.holds({witness for witness, other in times.items() if other <= t})
    return leaf.time if policy.quorum == 'none' else min(filter(holds, times.values()))
def is_independent(point, trust):
    operator = lambda witness: trust.operators.get(witness, '')
    named = [list(w) for _, w in itertools.groupby(sorted(filter(operator, point.times), key=operator), operator)]
    alone = itertools.filterfalse(operator, point.times)
    return any(map(trust.policy.holds, map(set, itertools.product(*named, *([witness] for witness in alone)))))
def root_of(node, index, size, path):  # RFC 6962 §2.1.1 from the root down; None where the path cannot be
    if size <= 1 or index >= size or not path:
        return node if (index, size, path) == (0, 1, []) else None
    half = 1 << (size - 1).bit_length() - 1
    inner = root_of(node, index % half, half if index < half else size - half, path[:-1])
    return inner and H(b'\1' + (inner + path[-1] if index < half else path[-1] + inner))
LEAF = 'kind time partition seq previous subject attempt commitment digest'.split()
def prove(receipt, trust, **expected):  # A receipt's leaf, proven (§10) and as expected, with its addendum, position and quorum time
    data, addendum, bad = receipt.leaf, receipt.addendum, 'LEAF_MISMATCH'
    want(len(data) >= 200 and data[:18] == b'mystranet/v1/leaf\0', bad, 'no leaf')
    leaf = SimpleNamespace(**dict(zip(LEAF, struct.unpack('>BQ32sQ32s32sI32s32s', data[18:199]))))
    suffix = b'\0' if leaf.digest == bytes(32) else u(32, 167) + b'\1'
    want(data[199:] == suffix and 1 <= leaf.kind <= 21 and leaf.time < 1 << 53 and leaf.seq, bad, 'no leaf')
    want((H(addendum) if addendum else bytes(32)) == leaf.digest, bad, 'another addendum')
    point = trust.checkpoint(receipt.checkpoint)
    want(point.has_quorum, 'CHECKPOINT_UNTRUSTED', 'no quorum of witnesses')
    want(root_of(H(b'\0' + data), receipt.index, point.size, receipt.path) == point.root, 'PROOF_INVALID', 'the path leads elsewhere')
    leaf.addendum = read('Addendum', addendum, bad) if addendum else None
    leaf.position, leaf.quorum_time = (point.log, receipt.index), quorum_time(point.times, trust.policy, leaf)
    want(expected.items() <= vars(leaf).items(), bad, f"the leaf names another of {', '.join(expected)}")
    return leaf
def prove_document(receipt, trust, kind, thing, digest):
    return prove(receipt, trust, kind=kind, subject=digest, partition=L('mystranet/v1/control-partition', thing.encode()))

# ---- §9: key chains ----
EVENT_FIELDS = 'prev delegation root_key key next_key_hash suite kem_key delete_after_ms not_after_ms name tags possession'.split()
# By type, for each field: M present, O optional, - absent.
EVENT_RULES = {1: 'O-MMO---MOOM', 2: 'OO-M--------', 3: '-M-M----M--M', 4: '-M---MMM----'}
class Chain:  # An instance's events, valid, or Fail
    def __init__(self, chain, instance, trust):
        self.events, self.by_digest, taken, last, announced, bad = [], {}, set(), None, None, 'KEY_EVENT_INVALID'
        for logged in chain.events:
            body, event = logged.event.body, read('KeyEvent', logged.event.body, bad)
            there = [field in (logged.event if field == 'possession' else event) for field in EVENT_FIELDS]
            fits = event.type in EVENT_RULES and all(r == 'O' or t == (r == 'M') for t, r in zip(there, EVENT_RULES[event.type]))
            want(fits and (event.network, event.instance) == (trust.network, instance), bad, 'of another type, network or instance')
            fits = len(event.kem_key) == {1: 32, 2: 1216}.get(event.suite) if event.type == 4 else event.type != 1 or L(
                'mystranet/v1/instance-id', event.root_key) == instance
            want(fits, bad, 'another root key, or a prekey of another suite')
            event.digest, by_root = document_digest('key-event', body), event.type == 1 or 'prev' in event
            event.position = prove_document(logged.receipt, trust, 11, 'key-event', event.digest).position
            above, made_by = self.by_digest.get(event.prev if by_root else event.delegation), (self.events or [event])[0].root_key
            in_order = self.events[-1].position < event.position if self.events else event.type == 1 and 'prev' not in event
            event.void = by_root and event.prev in taken or above is not None and above.void
            fits = (event.void or event.prev == last) and not (there[0] and there[1]) if by_root else above and above.type == 1
            want(in_order and fits, bad, 'out of log order, prev is not the last, or it hangs from no delegation')
            proofs = [(made_by if by_root else above.key, logged.event.signature), (event.key, logged.event.possession)][:1 + there[-1]]
            want(all(signed(*proof, pae('key-event', body)) for proof in proofs), 'SIGNATURE_INVALID', 'a key event is not signed')
            if by_root and not event.void:
                want(event.type != 1 or announced in (None, L('mystranet/v1/next-key', event.key)), bad, 'not the announced key')
                announced, last = event.next_key_hash if event.type == 1 else announced, event.digest
                taken.add(event.prev)
            self.by_digest[event.digest], self.events = event, [*self.events, event]
    def head(self, position):
        return next((e.digest for e in reversed(self.events) if e.type < 3 and e.position < position), None)
    def want_live(self, key, leaf):
        below = [e for e in self.events if e.position < leaf.position and not e.void]
        ends = [self.end(e, self.by_digest[e.delegation], below, leaf.quorum_time) for e in below if e.type == 3 and e.key == key]
        want(None in ends, (ends or ['KEY_UNKNOWN'])[-1], 'the key is not live')
    def end(self, event, delegation, below, time):
        ends = [e for e in below if e.type == 2 and e.delegation in (None, event.delegation) and e.key in (event.key, delegation.key)]
        is_revoked = ends or [e for e in below if e.type == 1][-1] is not delegation
        return 'KEY_REVOKED' if is_revoked else 'KEY_EXPIRED' if time > min(event.not_after_ms, delegation.not_after_ms) else None

# ---- §13: the checks. Each raises Fail, or returns why it must be skipped; what it proves, it leaves in c ----
KINDS = {'request': 1, 'open': 2, 'close': 3}
BUCKETS = {256, *(1 << n for n in (10, *range(12, 21))), *(n << 20 for n in range(1, 8))}
joined = lambda *reasons: '; '.join(filter(None, reasons))
missing = lambda **there: joined(*(f'no {name}, or it is not proven' for name, value in there.items() if not value))
def envelope(c):
    c.cores, bad = {}, 'FIELD_INVALID'
    for name, packet in c.packets.items():
        header = read('Header', packet.header, 'PACKET_MALFORMED')
        core = c.cores[name] = read('HeaderCore', header.core, 'PACKET_MALFORMED')
        asks, versions, body = name == 'request', core.compatible_versions, name != 'close' or core.code != 8 or header.ciphertext_hash
        there = {**dict.fromkeys(('recipients', 'table_digest', 'recipients_hash'), asks), 'code': name == 'close',
                 **dict.fromkeys(('in_reply_to', 'attempt'), not asks), 'response_nonce': not asks and body,
                 **dict.fromkeys(('padded_size', 'content_commitment', 'ciphertext_hash'), body),
                 **dict.fromkeys(() if asks else ('retry', 'session', 'priority', 'prefix_tag', 'supersedes'), False)}
        for holds, code in ((core.version == 1, 'VERSION_UNSUPPORTED'), (core.suite in (1, 2), 'SUITE_UNKNOWN'),
                            (core.kind == KINDS[name], 'KIND_UNKNOWN'), (core.schema == SCHEMA, 'SCHEMA_UNKNOWN'),
                            (core.network == c.trust.network, 'NETWORK_MISMATCH'), (packet.signature or packet.batch, 'PACKET_MALFORMED'),
                            (len(set(core.recipients)) == len(core.recipients), 'RECIPIENTS_MISMATCH'),
                            (all((field in {**core, **header}) == bool(is_there) for field, is_there in there.items()), bad),
                            (core.target_instance or asks and re.fullmatch('[a-z0-9][a-z0-9._-]{0,127}', core.target_tag), bad),
                            (versions == sorted(set(versions)) and 1 in versions and core.created_ms < core.expires_ms, bad),
                            ((not body or core.padded_size in BUCKETS) and (name != 'close' or 3 <= core.code <= 8), bad),
                            (core.priority < 3 and (not core.retry or core.retry.max_attempts <= 8), bad)):
            want(holds, code, f'the {name} is not as §5 wants it')
    c.request, c.open, c.close, c.reply = *map(c.cores.get, KINDS), c.cores.get('open') or c.cores.get('close')
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
    [verify_packet(c, name) for name in c.packets if name != 'request']
    want(not c.open or not c.close or c.open.sender_key == c.close.sender_key, 'SIGNATURE_INVALID', 'two keys')
    return missing(open=c.open, close=c.close)
def binding(c):
    bad, decision = 'ANSWER_INVALID', c.leaves['attempt'].addendum.decision if 'attempt' in c.leaves else None
    expected = (c.ids['request'], c.request.correlation_id, c.request.sender, c.request.suite)
    for core in filter(None, (c.open, c.close)):
        want((core.in_reply_to, core.correlation_id, core.target_instance, core.suite) == expected, bad, 'no reply to the request')
    twins = ('sender', 'attempt', 'response_nonce') if c.open and c.close else ()
    want(all(c.open[field] == c.close.get(field, c.open[field]) for field in twins), bad, 'OPEN and CLOSE do not belong together')
    agents = [agent for agent in c.request.recipients if not decision or agent == decision.agent]
    want(not c.reply or c.reply.sender in agents, bad, 'the agent is no recipient, or the decision names another')
    want(not decision or not c.table or decision.table_version == c.table.version, bad, 'the decision names another table')
    gap = missing(open=c.open, close=c.close, content_of_close='close' in c.contents)
    want(gap or c.contents['close'].stream == c.ids['open'], bad, 'CLOSE ends another stream')
    return gap or missing(attempt=decision, table=c.table)
def keys(c):
    gaps = []
    for side, names in (('sender', ['request']), ('agent', ['open', 'close'])):
        names, chain = [name for name in names if name in c.cores], c.answer.get(side + '_keys')
        gaps.append(missing(**{side + '_keys': chain, side: names, **{name: c.leaves.get(name) for name in names}}))
        if chain and names:
            c.chains[side] = Chain(chain, c.cores[names[0]].sender, c.trust)
            [c.chains[side].want_live(c.cores[name].sender_key, c.leaves[name]) for name in names if name in c.leaves]
    return joined(*gaps)
def revocation(c):
    gaps = [missing(answer=c.reply)]
    for name in c.cores:
        chain, leaf = c.chains.get('sender' if name == 'request' else 'agent'), c.leaves.get(name)
        gaps.append(missing(chain=chain, leaf=leaf))
        agrees = not chain or not leaf or 'chain_head' in leaf.addendum and chain.head(leaf.position) == leaf.addendum.chain_head
        want(agrees, 'KEY_EVENT_INVALID', f'the leaf of {name} names another head')
    return joined(*gaps)
def inclusion(c, name, kind):
    core, receipt = c.cores.get(name), c.packets[name].receipt if name in c.packets else None
    if receipt:
        expected = dict(subject=c.ids[name], attempt=core.attempt, commitment=core.content_commitment or bytes(32))
        leaf = prove(receipt, c.trust, kind=kind, partition=c.partition, **expected)
        same = [(leaf.addendum or {}).get(f) == core.get(f) for f in ('sender', 'sender_key', 'epoch', 'seq', 'recipients')]
        want(all(same), 'LEAF_MISMATCH', 'another sender, key, sequence or recipients')
        c.leaves[name] = leaf
    return missing(**{name: core, 'receipt': receipt})
def attempt_inclusion(c):
    after, before = c.leaves.get('request'), c.leaves.get('open')
    if c.answer.attempt:
        expected = dict(subject=c.ids['request'], commitment=c.request.table_digest, **({'attempt': c.reply.attempt} if c.reply else {}))
        leaf = prove(c.answer.attempt, c.trust, kind=2, partition=c.partition, **expected)
        in_order = (not after or after.position < leaf.position) and (not before or leaf.position < before.position)
        decided = leaf.attempt and leaf.addendum and leaf.addendum.decision
        want(decided and in_order, 'LEAF_MISMATCH', 'no number, no decision, or not between the request and OPEN')
        c.leaves['attempt'] = leaf
    return missing(receipt=c.answer.attempt, request=after, open=before or not c.open)
def receipts(message):
    for value in (value for field, value in message.items() if field not in ('registry_entry_receipt', 'authorization_receipt')):
        for item in filter(lambda item: isinstance(item, Message), value if isinstance(value, list) else [value]):
            yield from [item] if item.name == 'Receipt' else receipts(item)
def checkpoint(c):
    c.points, roots = [c.trust.checkpoint(receipt.checkpoint) for receipt in receipts(c.answer)], {}
    for point in c.points:
        want(roots.setdefault((point.log, point.size), point.root) == point.root, 'CHECKPOINT_UNTRUSTED', 'two roots of one size')
    return missing(receipts=c.points)
def witness_quorum(c, holds=lambda point, trust: point.has_quorum):
    want(all(holds(point, c.trust) for point in c.points), 'CHECKPOINT_UNTRUSTED', 'no quorum of witnesses')
def witness_independence(c):
    return missing(operators=c.trust.operators) or witness_quorum(c, is_independent)
def freshness(c):
    earliest, latest = c.request.created_ms - 30000, c.request.expires_ms + 30000
    for leaf in (c.leaves[name] for name in ('request', 'attempt') if name in c.leaves):
        want(all(earliest <= time <= latest for time in (leaf.time, leaf.quorum_time)), 'CLOCK_SKEWED', 'logged at another time')
    want(not c.table or c.table.not_before_ms <= c.request.created_ms < c.table.expires_ms, 'CLOCK_SKEWED', 'not the table in force')
    return missing(attempt=c.leaves.get('attempt'), table=c.table)
def document(c, thing, data, signers, code):  # The body of a SignedDocument by one of the signers, and its digest
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
            may = agent in c.request.recipients and agent in ([target] if target else instances) and rule.id == decision.rule
            return want(may, 'NOT_A_CANDIDATE', 'not a recipient, not a candidate, or another rule')
    raise Fail('NO_ROUTE: no rule')
def disclose(c, name, promised, opening):  # What was said, where its opening is here and fits the commitment
    if promised and opening:
        content = opening.content or b''
        want(commitment(opening.salt, content) == promised, 'COMMITMENT_MISMATCH', f'{name}: another content')
        c.contents[name] = read(name.title() + 'Content', content, 'CONTENT_INVALID')
    return missing(**{'content_of_' + name: name in c.contents})
def disclose_packet(c, name):
    return disclose(c, name, *((c.cores[name].content_commitment, c.packets[name].opening) if name in c.cores else (None, None)))
def answer_commitment(c):
    gaps = [disclose_packet(c, 'open'), disclose_packet(c, 'close')]
    return joined(*gaps, disclose(c, 'answer', 'close' in c.contents and c.contents['close'].answer_commitment, c.answer.answer))
def completeness(c):
    want(c.close and c.close.code in (3, 5), 'ANSWER_CUT' if c.close else 'STREAM_TRUNCATED', 'no CLOSE with a complete finish')
    want('close' not in c.contents or c.contents['close'].frames, 'STREAM_INVALID', 'complete without a frame')
    return missing(content='close' in c.contents)
def model_statement(c):
    receipt, opened = c.answer.model_statement_receipt, c.leaves.get('open')
    if 'open' in c.contents:
        data = c.contents['open'].model_statement
        c.statement, digest = document(c, 'model-statement', data, [c.open.sender_key], 'SIGNATURE_INVALID')
        want(c.statement.agent == c.open.sender, 'DOCUMENT_MALFORMED', 'of another agent')
        leaf = prove_document(receipt, c.trust, 12, 'model-statement', digest) if receipt else None
        want(not leaf or not opened or leaf.position < opened.position, 'LEAF_MISMATCH', 'logged after OPEN')
    return missing(content='open' in c.contents, receipt=receipt, open=opened)
def vouched(c, thing, signer, fields):
    name, bad = thing.replace('-', '_'), 'DOCUMENT_MALFORMED'
    if name not in c.answer:
        return f'the {thing} is not here'
    body, digest = document(c, thing, c.answer[name], c.trust.keys[signer], 'SIGNATURE_INVALID')
    same = digest == c.statement.get(name) and all(body[f] == c.statement.get(f) for f in fields.split() if f in body)
    want(same, bad, 'not what the statement names')
    want('expires_ms' not in body or body.created_ms <= c.leaves['open'].time < body.expires_ms, bad, 'not in force at OPEN')
LEAVES = 'envelope checkpoint witness-quorum'
# name → (its grounds, the checks whose findings it uses); the function of its name, or of OTHERS, makes it.
CHECKS = {
    'envelope': ('', ''), 'request-signature': ('envelope', ''), 'answer-signature': ('envelope', ''),
    'binding': ('envelope', 'answer-commitment attempt-inclusion routing-table'),
    'keys': (LEAVES, 'request-inclusion open-inclusion close-inclusion'), 'revocation': (LEAVES, 'keys'),
    'request-inclusion': (LEAVES, ''), 'attempt-inclusion': (LEAVES, 'request-inclusion open-inclusion'),
    'open-inclusion': (LEAVES, ''), 'close-inclusion': (LEAVES, ''), 'checkpoint': ('', ''), 'witness-quorum': ('checkpoint', ''),
    'witness-independence': ('witness-quorum', ''), 'freshness': ('envelope request-inclusion', 'attempt-inclusion routing-table'),
    'routing-table': (LEAVES, 'attempt-inclusion'), 'candidate': ('routing-table attempt-inclusion', ''),
    'request-commitment': ('envelope', 'request-inclusion'), 'answer-commitment': ('envelope', ''),
    'completeness': ('envelope', 'answer-commitment'), 'model-statement': (LEAVES, 'answer-commitment open-inclusion'),
    'registry-entry': ('model-statement', ''), 'authorization': ('model-statement open-inclusion', '')}
OTHERS = {
    'request-signature': lambda c: verify_packet(c, 'request'), 'request-inclusion': lambda c: inclusion(c, 'request', 1),
    'open-inclusion': lambda c: inclusion(c, 'open', 3), 'close-inclusion': lambda c: inclusion(c, 'close', 4),
    'request-commitment': lambda c: disclose_packet(c, 'request') or missing(leaf=c.leaves.get('request')),
    'registry-entry': lambda c: vouched(c, 'registry-entry', 'publisher', 'file_digest chat_template_digest tokenizer_digest'),
    'authorization': lambda c: vouched(c, 'authorization', 'authorizer', 'agent file_digest chat_template_digest')}
OPTIONAL = ('witness-independence', 'registry-entry', 'authorization', 'request-commitment')
def judge(c, name):  # Makes a check, after those that it builds on: (result, reason)
    grounds, uses = (names.split() for names in CHECKS[name])
    results = {other: (c.results.get(other) or judge(c, other))[0] for other in grounds + uses}
    failed = next((other for other in grounds if results[other] != 'pass'), None)
    try:
        reason = f'builds on {failed}, which did not pass' if failed else (OTHERS.get(name) or globals()[name.replace('-', '_')])(c)
        c.results[name] = ('skipped', reason) if reason else ('pass', 'asserted by the log' if name == 'revocation' else '')
    except Fail as reason:
        c.results[name] = ('fail', str(reason))
    return c.results[name]
def verdict(results, trust):
    rows = [dict(name=name, result=result, reason=reason, required=name not in CHECKS or name in trust.required)
            for name, (result, reason) in results.items()]
    found = {row['result'] for row in rows if row['required'] or row['result'] == 'fail'}
    status = 'FAILED' if 'fail' in found else 'PARTIAL' if 'skipped' in found else 'VERIFIED'
    return dict(status=status, line=f'{status} under {json.dumps(trust.name, ensure_ascii=False)}', trustName=trust.name, checks=rows)
def examine(data, trust):  # The verdict on the bytes of a saved answer
    try:
        answer = read('SavedAnswer', data, 'ANSWER_INVALID')
        want(answer.version == 1 and len(data) <= 1 << 24, 'ANSWER_INVALID', 'another version, or too large')
    except Fail as reason:
        rows = {name: ('skipped', 'the saved answer cannot be read') for name in CHECKS}
        return verdict(rows | {'envelope': ('fail', str(reason))}, trust)
    packets = {name: answer[name] for name in KINDS if name in answer}
    c = SimpleNamespace(answer=answer, trust=trust, packets=packets, results={}, leaves={}, contents={}, chains={}, table=None)
    return verdict({name: c.results.get(name) or judge(c, name) for name in CHECKS}, trust)
def read_proof(data):  # The Receipt in a .tlog-proof (§10): extra = u16 len(leaf) ‖ leaf ‖ addendum
    head, _, note = data.partition(b'\n\n')
    _, extra, index, *path = head.decode().split('\n')
    extra, receipt = base64_strict(re.fullmatch('extra (.+)', extra)[1]), Message('Receipt')
    end, index = 2 + int.from_bytes(extra[:2], 'big'), int(re.fullmatch('index (0|[1-9][0-9]{0,19})', index)[1])
    found = dict(leaf=extra[2:end], addendum=extra[end:] or None, index=index, path=[*map(base64_strict, path)], checkpoint=note)
    return receipt.update(found) or receipt
def examine_receipt(data, trust):  # The verdict on a receipt: the text of tlog-proof, or the bytes of a Receipt
    try:
        prove(read_proof(data) if data.startswith(b'c2sp.org/tlog-proof@v1\n') else decode('Receipt', data), trust)
        return verdict({'receipt': ('pass', '')}, trust)
    except (ValueError, TypeError, Fail) as reason:
        return verdict({'receipt': ('fail', str(reason) if isinstance(reason, Fail) else f'PROOF_INVALID: {reason}')}, trust)
def main():
    parser = argparse.ArgumentParser(description='Verifies a saved answer or a receipt.')
    parser.add_argument('file')
    parser.add_argument('--trust', required=True)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--protos', default=PROTOS)
    options = parser.parse_args()
    try:
        load_protos(options.protos)
        trust, data = Trust(open(options.trust, 'rb').read()), open(options.file, 'rb').read()
    except (OSError, ValueError, TypeError) as error:
        sys.exit(print(f'Cannot begin: {error}', file=sys.stderr) or 2)
    result = (examine if data.startswith(b'\x08') else examine_receipt)(data, trust)  # A saved answer begins with its version.
    rows = [f"  {dict(zip('pfs', '✓✗–'))[row['result'][0]]}  {row['name']:20}  {row['result']:7}  {row['reason']}".rstrip() for row in result['checks']]
    print(json.dumps(result, indent=2) if options.json else '\n'.join([result['line'], *rows]))
    sys.exit({'VERIFIED': 0, 'FAILED': 1, 'PARTIAL': 3}[result['status']])
if __name__ == '__main__':
    main()
