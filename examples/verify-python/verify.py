#!/usr/bin/env python3
"""Verifies saved answers (.weave) and receipts (.tlog-proof) of MystraNet Weave, offline and without any key of its own.

Written from docs/protocol.md and the messages in packages/schemas/proto/ alone, to show that they suffice; § in comments
are sections of that document. Needs Python 3.11 and `cryptography`.

    python verify.py answer.weave --trust local.trust [--json] [--protos FOLDER]

Exit codes: 0 VERIFIED, 1 FAILED, 3 PARTIAL, 2 the command or the trust file cannot be used.
"""
import argparse, base64, binascii, functools, hashlib, itertools, json, os, re, struct, sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HERE = os.path.dirname(os.path.abspath(__file__))
PROTOS = os.path.join(HERE, '..', '..', 'packages', 'schemas', 'proto')
# §5: the JSON Schema of version 1.
SCHEMA = bytes.fromhex('d188b0789dcae7ed9fe1775fba6aa2f29416ac1ba908912b89666219dee361ce')


class Fail(Exception):
    """A check that does not hold: a refusal of §16 and what is wrong."""

    def __init__(self, code, text):
        super().__init__(f'{code}: {text}')
        self.code = code


class Skip(Exception):
    """A check that cannot be made: something it builds on is absent or did not pass."""


def want(holds, code, text):
    if not holds:
        raise Fail(code, text)


# ---- §1 and §4: hashes ----

def H(data):
    return hashlib.sha256(data).digest()


def L(label, *parts):
    return H(label.encode() + b'\0' + b''.join(parts))


def u(bits, value):
    return value.to_bytes(bits // 8, 'big')


def document_digest(thing, body):
    return L('mystranet/v1/document/' + thing, u(32, len(body)), body)


def commitment(salt, content):
    return L('mystranet/v1/content', salt, u(64, len(content)), content)


def pae(thing, body):
    kind = f'application/vnd.mystranet.{thing}.v1+protobuf'.encode()
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(body), body)


# ---- §6: the one verdict on a signature ----

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
SMALL = {0, 1, P - 1} | {int.from_bytes(bytes.fromhex(y), 'little') for y in (
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')}


@functools.lru_cache(1 << 16)
def signed(key, signature, message):
    """OpenSSL's own verdict is cofactorless already; rules 1 and 2 are made before it is asked."""
    if len(key) != 32 or len(signature) != 64 or int.from_bytes(signature[32:], 'little') >= ORDER:
        return False
    for point in (key, signature[:32]):
        y = int.from_bytes(point, 'little') & (1 << 255) - 1
        if y >= P or y in SMALL:
            return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


# ---- §3: the canonical encoding, read by a table that the .proto files give ----

SCALARS = {'uint32', 'uint64', 'bool', 'string', 'bytes'}
TABLE, ENUMS = {}, set()


def load_protos(folder):
    for root, _, names in os.walk(folder):
        for name in sorted(names):
            if name.endswith('.proto'):
                with open(os.path.join(root, name), encoding='utf-8') as file:
                    read_proto(re.sub(r'//[^\n]*', '', file.read()))


def read_proto(text):
    ENUMS.update(re.findall(r'^enum (\w+)', text, re.M))
    for message, body in re.findall(r'^message (\w+) \{\n(.*?)^\}', text, re.M | re.S):
        if '.strict) = true' not in body:
            continue
        fields, member_of = {}, None
        pattern = r'oneof (\w+) \{|(\})|(repeated |optional )?([\w.]+) (\w+) = (\d+)\s*(\[[^;]*\])?;'
        for oneof, end, label, kind, field, number, options in re.findall(pattern, body):
            if oneof or end:
                member_of = oneof or None
            else:
                options = dict(re.findall(r'\(weave\.codec\.v1\.(\w+)\) = ([^,\]]+)', options))
                fields[int(number)] = (field, kind.rpartition('.')[2], label.strip(), member_of, options)
        TABLE[message] = fields


class Message(dict):
    """A message that was read. What is absent is None, 0, '' or [] by its kind; `in` tells whether it is there."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def __getattr__(self, field):
        if field in self:
            return self[field]
        for name, kind, label, _, _ in TABLE[self.name].values():
            if name == field:
                return [] if label == 'repeated' else {'string': '', 'bytes': None}.get(
                    kind, 0 if kind in SCALARS or kind in ENUMS else None)
        raise AttributeError(field)


def varint(data, at):
    value = shift = 0
    while at < len(data) and shift < 64:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64 or (byte == 0 and shift):
                break
            return value, at
        shift += 7
    raise ValueError('no minimal varint')


def number(field, kind, value):
    top = {'uint32': 1 << 32, 'uint64': 1 << 64, 'bool': 2}.get(kind, 1 << 31)
    if value >= (1 << 53 if field.endswith('_ms') else top):
        raise ValueError(f'{field} is too large')
    return value


def chunk(field, kind, options, data):
    if len(data) > int(options.get('max_bytes', len(data))) or len(data) != int(options.get('length', len(data))):
        raise ValueError(f'{field} has the wrong length')
    return decode(kind, data) if kind in TABLE else data.decode('utf-8') if kind == 'string' else data


def decode(name, data):
    """Reads one message. ValueError for every other encoding than the one (§3)."""
    message, at, before, taken = Message(name), 0, 0, set()
    while at < len(data):
        tag, at = varint(data, at)
        if tag >> 3 not in TABLE[name]:
            raise ValueError(f'unknown field of {name}')
        field, kind, label, oneof, options = TABLE[name][tag >> 3]
        is_number = kind in ENUMS or kind in SCALARS - {'string', 'bytes'}
        is_packed = is_number and label == 'repeated'
        if tag & 7 != (0 if is_number and not is_packed else 2):
            raise ValueError(f'{field} has another wire type')
        if tag >> 3 < before or (tag >> 3 == before and (label != 'repeated' or is_packed)):
            raise ValueError(f'{field} is out of order or twice')
        if oneof in taken - {None}:
            raise ValueError(f'two members of {oneof}')
        taken.add(oneof)
        before, (value, at) = tag >> 3, varint(data, at)
        if is_number and not is_packed:
            value = number(field, kind, value)
        else:
            if value > len(data) - at:
                raise ValueError('the bytes end inside a value')
            part, at = data[at:at + value], at + value
            if is_packed:
                value, inner = [], 0
                while inner < len(part):
                    item, inner = varint(part, inner)
                    value.append(number(field, kind, item))
            else:
                value = chunk(field, kind, options, part)
        if label != 'repeated' and label != 'optional' and not oneof and kind not in TABLE and not value:
            raise ValueError(f'{field} is empty')
        if label == 'repeated' and not is_packed:
            value = message.get(field, []) + [value]
        if label == 'repeated' and not 0 < len(value) <= int(options.get('max_items', len(value))):
            raise ValueError(f'{field} has too many items or none')
        message[field] = value
    for field, _, _, _, options in TABLE[name].values():
        if options.get('required') == 'true' and field not in message:
            raise ValueError(f'{field} is absent')
    return message


def read(name, data, code):
    try:
        return decode(name, data)
    except ValueError as error:
        raise Fail(code, f'{name}: {error}') from None


# ---- §10: notes, checkpoints, policies, trees (C2SP) ----

def base64_strict(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError('base64 is not canonical')
    return data


def vkey(text, kind):
    """A verifier key of signed-note: (name, key id, Ed25519 key)."""
    name, key_id, material = text.split('+', 2)
    data = base64_strict(material)
    if not name or len(data) != 33 or data[0] != kind or key_id != H(name.encode() + b'\n' + data)[:4].hex():
        raise ValueError('not such a key')
    return name, bytes.fromhex(key_id), data[1:]


class Policy:
    """tlog-policy: whose signatures make a checkpoint count."""

    def __init__(self, text):
        self.logs, self.witnesses, self.groups, self.quorum = [], {}, {}, None
        keys, members = set(), set()
        if re.search(r'[\x00-\x08\x0b-\x1f\x7f]', text):
            raise ValueError('a control character')
        for line in text.split('\n'):
            word, *rest = line.strip(' \t') and re.split(r'[ \t]+', line.strip(' \t')) or ['#']
            if word.startswith('#'):
                continue
            if word == 'log' and len(rest) in (1, 2):
                self.logs.append(vkey(rest[0], 1))
                key = self.logs[-1][2]
            elif word == 'witness' and len(rest) in (2, 3):
                self.define(rest[0])
                self.witnesses[rest[0]] = vkey(rest[1], 4)
                key = self.witnesses[rest[0]][2]
            elif word == 'group' and len(rest) > 2:
                self.define(rest[0])
                count = len(rest) - 2
                k = {'all': count, 'any': 1}.get(rest[1]) or int(re.fullmatch(r'[1-9]\d*', rest[1])[0])
                if k > count or len(set(rest[2:])) < count or any(
                        m in members or m not in self.witnesses and m not in self.groups for m in rest[2:]):
                    raise ValueError('a group that cannot be')
                members.update(rest[2:])
                self.groups[rest[0]] = (k, rest[2:])
                continue
            elif word == 'quorum' and len(rest) == 1 and self.quorum is None and (
                    rest[0] == 'none' or rest[0] in self.witnesses or rest[0] in self.groups):
                self.quorum = rest[0]
                continue
            else:
                raise ValueError(f'a line that cannot be: {line}')
            if key in keys:
                raise ValueError('a key twice')
            keys.add(key)
        if self.quorum is None or not self.logs:
            raise ValueError('no quorum or no log')

    def define(self, name):
        if name == 'none' or name in self.witnesses or name in self.groups:
            raise ValueError(f'{name} twice')

    def holds(self, cosigners, name=None):
        name = name or self.quorum
        if name in self.groups:
            k, members = self.groups[name]
            return sum(self.holds(cosigners, member) for member in members) >= k
        return name == 'none' or name in cosigners


class Trust:
    """A trust file (§14). ValueError where it cannot be used."""

    def __init__(self, data):
        text = data.decode('utf-8')
        head, found, policy = text.partition('\n\n')
        first, *lines = head.split('\n')
        if len(data) > 65536 or '\r' in text or first != 'mystranet.org/trust@v1' or not found:
            raise ValueError('no trust file')
        self.policy, self.operators, required = Policy(policy), {}, set()
        self.name, keys = None, {'table-signer': [], 'publisher': [], 'authorizer': [], 'nexus': []}
        for line in lines:
            word, _, rest = line.partition(' ')
            words = rest.split(' ')
            if line.startswith('#'):
                continue
            if word == 'name' and self.name is None and rest == rest.strip() != '':
                self.name = rest
            elif word in keys and re.fullmatch('[0-9a-f]{64}', rest) and bytes.fromhex(rest) not in keys[word]:
                keys[word].append(bytes.fromhex(rest))
            elif word == 'operator' and len(words) == 2 and words[1] and words[0] in self.policy.witnesses:
                if self.operators.setdefault(words[0], words[1]) != words[1]:
                    raise ValueError('a second operator')
            elif word == 'require' and all(word in CHECKS for word in words):
                required.update(words)
            else:
                raise ValueError(f'a statement that cannot be: {line}')
        if self.name is None:
            raise ValueError('no name')
        self.table_signers, self.publishers, self.authorizers = (
            keys[word] for word in ('table-signer', 'publisher', 'authorizer'))
        self.required = [c for c in CHECKS if c not in OPTIONAL or c in required]
        origin, _, key = self.policy.logs[0]
        self.network = L('mystranet/v1/network', u(16, len(origin.encode())), origin.encode(), key)
        self.checkpoint = functools.lru_cache(4096)(lambda note: checkpoint(note, self.policy))


class Checkpoint:
    """A signed note of tlog-checkpoint and what the policy says of it."""


def checkpoint(note, policy):
    """Fail unless a log of the policy signed it. Whether the witnesses suffice is left to the caller."""
    result = Checkpoint()
    try:
        text = note.decode('utf-8')
        body, _, tail = text.rpartition('\n\n')
        origin, size, root = body.split('\n')
        result.origin, result.size, result.root = origin, int(re.fullmatch(r'0|[1-9][0-9]{0,19}', size)[0]), base64_strict(root)
        lines = [re.fullmatch(r'— ([^\s+]+) (\S+)', line).groups() for line in tail.removesuffix('\n').split('\n')]
        signatures = [(name, base64_strict(value)) for name, value in lines]
        ids = [(name, value[:4]) for name, value in signatures]
        if (len(note) > 65536 or re.search(r'[\x00-\x09\x0b-\x1f]', text) or not tail.endswith('\n') or not origin
                or len(result.root) != 32 or result.size >> 64 or len(set(ids)) < len(ids)
                or any(len(value) < 5 for _, value in signatures)):
            raise ValueError
    except (ValueError, TypeError, AttributeError):
        raise Fail('NOTE_MALFORMED', 'the checkpoint is no note') from None
    signed_text, result.log, result.times = body.encode() + b'\n', None, {}
    known = {(name, key_id): (place, None, key) for place, (name, key_id, key) in enumerate(policy.logs)}
    known |= {(name, key_id): (None, w, key) for w, (name, key_id, key) in policy.witnesses.items()}
    for (name, value) in signatures:
        if (name, value[:4]) not in known:
            continue
        place, witness, key = known[name, value[:4]]
        if witness is None:
            want(signed(key, value[4:], signed_text), 'CHECKPOINT_UNTRUSTED', f'the signature of {name} is wrong')
            result.log = place if name == origin else result.log
        else:
            seconds = int.from_bytes(value[4:12], 'big')
            message = b'cosignature/v1\ntime %d\n' % seconds + signed_text
            want(len(value) == 76 and seconds < 1 << 63 and signed(key, value[12:], message),
                 'CHECKPOINT_UNTRUSTED', f'the cosignature of {witness} is wrong')
            result.times[witness] = seconds * 1000
    want(result.log is not None, 'CHECKPOINT_UNTRUSTED', 'no log of the trust file signed it')
    result.has_quorum = policy.holds(result.times)
    return result


def quorum_time(point, policy, leaf):
    """§9: the least time by which the cosignatures satisfy the policy; the leaf's own where none is asked for."""
    if policy.quorum == 'none':
        return leaf.time
    return next(t for t in sorted(point.times.values())
                if policy.holds({w for w, other in point.times.items() if other <= t}))


def independent(point, trust):
    """Whether the policy holds with one witness of each operator, whichever that is."""
    by_operator = {}
    for witness in point.times:
        by_operator.setdefault(trust.operators.get(witness, (witness,)), []).append(witness)
    return any(trust.policy.holds(set(chosen)) for chosen in itertools.product(*by_operator.values()))


def root_of(leaf_hash, index, size, path):
    """RFC 9162 §2.1.3.2; None where the path cannot be."""
    if index >= size:
        return None
    node, last, result = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            result = H(b'\1' + sibling + result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = H(b'\1' + result + sibling)
        node, last = node >> 1, last >> 1
    return result if last == 0 else None


class Leaf:
    def __init__(self, data):
        digest, suffix = data[167:199], data[199:]
        absent = digest == bytes(32)
        if len(data) < 200 or data[:18] != b'mystranet/v1/leaf\0' or suffix != (b'\0' if absent else u(32, 167) + b'\1'):
            raise Fail('LEAF_MISMATCH', 'no leaf')
        self.kind, self.time, self.partition, self.seq, _, self.subject, self.attempt, self.commitment = struct.unpack(
            '>BQ32sQ32s32sI32s', data[18:167])
        self.addendum_digest = None if absent else digest
        want(1 <= self.kind <= 21 and self.time < 1 << 53 and self.seq, 'LEAF_MISMATCH', 'no leaf')


def prove(receipt, trust):
    """A receipt's leaf, proven (§10), with its position and the quorum time of its checkpoint."""
    leaf, addendum = Leaf(receipt.leaf), receipt.addendum
    want((H(addendum) if addendum else None) == leaf.addendum_digest, 'LEAF_MISMATCH', 'another addendum')
    point = trust.checkpoint(receipt.checkpoint)
    want(point.has_quorum, 'CHECKPOINT_UNTRUSTED', 'no quorum of witnesses')
    root = root_of(H(b'\0' + receipt.leaf), receipt.index, point.size, receipt.path)
    want(root == point.root, 'PROOF_INVALID', 'the path does not lead to the root')
    leaf.addendum = read('Addendum', addendum, 'LEAF_MISMATCH') if addendum else None
    leaf.position, leaf.quorum_time = (point.log, receipt.index), quorum_time(point, trust.policy, leaf)
    return leaf


# ---- §9: key chains ----

M, O, X = 'present', 'optional', 'absent'
EVENT_FIELDS = ('prev', 'delegation', 'root_key', 'key', 'next_key_hash', 'suite', 'kem_key', 'delete_after_ms', 'not_after_ms',
                'name', 'tags', 'possession')
EVENT_RULES = {1: (O, X, M, M, O, X, X, X, M, O, O, M), 2: (O, O, X, M, X, X, X, X, X, X, X, X),
               3: (X, M, X, M, X, X, X, X, M, X, X, M), 4: (X, M, X, X, X, M, M, M, X, X, X, X)}


class Chain:
    """An instance's events, valid (§9), or Fail."""

    def __init__(self, chain, instance, trust):
        self.events, by_digest, taken, last, delegated = [], {}, set(), None, None
        for logged in chain.events:
            signed_event = logged.event
            body = signed_event.body
            event, bad = read('KeyEvent', body, 'KEY_EVENT_INVALID'), 'KEY_EVENT_INVALID'
            want(event.network == trust.network, 'NETWORK_MISMATCH', 'a key event of another network')
            want(event.instance == instance and event.type in EVENT_RULES, bad, 'of another instance or kind')
            for field, rule in zip(EVENT_FIELDS, EVENT_RULES[event.type]):
                there = field in (signed_event if field == 'possession' else event)
                want(rule == O or there == (rule == M), bad, f'{field} must be {rule}')
            leaf = prove(logged.receipt, trust)
            event.digest, event.position = document_digest('key-event', body), leaf.position
            want((leaf.kind, leaf.subject) == (11, event.digest), 'LEAF_MISMATCH', 'a leaf of another thing')
            want(not self.events or self.events[-1].position < event.position, bad, 'out of log order')
            by_root = event.type == 1 or 'prev' in event
            root_key = self.events[0].root_key if self.events else event.root_key
            want(self.events or event.type == 1 and 'prev' not in event and L('mystranet/v1/instance-id', root_key) == instance,
                 bad, 'the first is not the first delegation')
            want(event.root_key in (None, root_key), bad, 'another root key')
            hangs_from = by_digest.get(event.delegation)
            if by_root:
                want('delegation' not in event and (event.prev is None or event.prev in by_digest), bad, 'prev names no event')
                event.void = event.prev in taken or (event.prev in by_digest and by_digest[event.prev].void)
                want(event.void or event.prev == last, bad, 'prev is not the last')
            else:
                want(hangs_from and hangs_from.type == 1, bad, 'hangs from no delegation')
                event.void = hangs_from.void
            want(signed(root_key if by_root else hangs_from.key, signed_event.signature, pae('key-event', body)),
                 'SIGNATURE_INVALID', 'the signature of a key event is wrong')
            if signed_event.possession:
                want(signed(event.key, signed_event.possession, pae('key-event', body)), 'SIGNATURE_INVALID', 'no possession')
            if event.type == 4:
                want(len(event.kem_key) == {1: 32, 2: 1216}.get(event.suite), bad, 'a prekey of another suite')
            if by_root and not event.void:
                if event.type == 1:
                    announced = delegated and delegated.next_key_hash
                    want(not announced or announced == L('mystranet/v1/next-key', event.key), bad, 'not the announced key')
                    delegated = event
                last = event.digest
                taken.add(event.prev)
            by_digest[event.digest] = event
            self.events.append(event)
        self.by_digest = by_digest

    def head(self, position):
        return next((e.digest for e in reversed(self.events) if e.type < 3 and e.position < position), None)

    def live(self, key, position, time):
        below = [e for e in self.events if e.position < position and not e.void]
        made = [e for e in below if e.type == 3 and e.key == key]
        want(made, 'KEY_UNKNOWN', 'no event makes the key')
        reasons = [self.ended(e, self.by_digest[e.delegation], below, time) for e in made]
        want(None in reasons, reasons[-1], 'the key is not live')

    def ended(self, event, delegation, below, time):
        if [e for e in below if e.type == 1][-1] is not delegation or any(
                e.type == 2 and e.delegation in (None, event.delegation) and e.key in (event.key, delegation.key)
                for e in below):
            return 'KEY_REVOKED'
        return 'KEY_EXPIRED' if time > min(event.not_after_ms, delegation.not_after_ms) else None


# ---- §13: the checks ----

class Case:
    """A saved answer under a trust file: everything that the checks ask for."""

    def __init__(self, answer, trust):
        self.answer, self.trust, self.results, self.documents = answer, trust, {}, {}
        self.packets = {name: answer[name] for name in ('request', 'open', 'close') if name in answer}

    def result(self, name):
        if name not in self.results:
            self.results[name] = None
            try:
                for ground in GROUNDS.get(name, ('envelope',)):
                    if self.result(ground)[0] != 'pass':
                        raise Skip(f'builds on {ground}, which did not pass')
                self.results[name] = ('pass', CHECKS[name](self) or '')
            except Fail as reason:
                self.results[name] = ('fail', str(reason))
            except Skip as reason:
                self.results[name] = ('skipped', str(reason))
        return self.results[name]

    def part(self, name):
        if self.answer.get(name) is None:
            raise Skip(f'the {name} is not here')
        return self.answer[name]

    def core(self, name):
        self.part(name)
        return self.cores[name]

    def id(self, name):
        header = self.part(name).header
        return L('mystranet/v1/packet-id', u(32, len(header)), header)

    def partition(self):
        core = self.core('request')
        return L('mystranet/v1/partition', core.sender, core.correlation_id)

    def leaf(self, name):
        """The leaf of a packet or of the attempt, or Fail."""
        packet = 'request' if name == 'attempt' else name
        receipt = self.part('attempt') if name == 'attempt' else self.part(name).receipt
        if receipt is None:
            raise Skip(f'the receipt of {name} is not here')
        leaf, core = prove(receipt, self.trust), self.core(packet)
        number = self.core('open' if 'open' in self.answer else 'close').attempt if name == 'attempt' else core.attempt
        hidden = core.table_digest if name == 'attempt' else core.content_commitment
        expected = ({'request': 1, 'attempt': 2, 'open': 3, 'close': 4}[name], self.id(packet), self.partition(), number,
                    hidden or bytes(32))
        want((leaf.kind, leaf.subject, leaf.partition, leaf.attempt, leaf.commitment) == expected, 'LEAF_MISMATCH',
             f'the leaf of {name} names another kind, subject, partition, attempt or commitment')
        addendum = leaf.addendum
        want(addendum, 'LEAF_MISMATCH', 'no addendum')
        if name == 'attempt':
            want(addendum.decision, 'LEAF_MISMATCH', 'no decision')
        else:
            want(all(addendum[f] == core[f] if f in core else f not in addendum for f in
                     ('sender', 'sender_key', 'epoch', 'seq', 'recipients')) , 'LEAF_MISMATCH', 'another sender')
        return leaf

    def proven(self, name):
        try:
            return self.leaf(name)
        except (Fail, Skip):
            raise Skip(f'the leaf of {name} is not proven') from None

    def content(self, name, kind):
        """What a packet says, where its opening fits its commitment."""
        opening = self.part(name).opening
        if opening is None or 'content_commitment' not in self.core(name):
            raise Skip(f'the content of {name} is not here')
        content = opening.content or b''
        want(commitment(opening.salt, content) == self.core(name).content_commitment, 'COMMITMENT_MISMATCH',
             f'the opening of {name} is not what its core commits to')
        return read(kind, content, 'CONTENT_INVALID')

    def said(self, name, kind):
        try:
            return self.content(name, kind)
        except Fail:
            raise Skip(f'the content of {name} is not proven') from None

    def document(self, thing, data, keys, receipt, code):
        """(body, digest, position of its leaf) of a SignedDocument by one of `keys`."""
        document = read('SignedDocument', data, code)
        want(document.key in keys, code, f'the {thing} is signed by a key that may not')
        want(signed(document.key, document.signature, pae(thing, document.body)), 'SIGNATURE_INVALID', f'the {thing} is not signed')
        body = read(''.join(map(str.capitalize, thing.split('-'))), document.body, code)
        want(body.network == self.trust.network, 'NETWORK_MISMATCH', f'the {thing} is of another network')
        digest, position = document_digest(thing, document.body), None
        if receipt:
            leaf = prove(receipt, self.trust)
            want((leaf.kind, leaf.subject) == ({'routing-table': 15, 'model-statement': 12}.get(thing), digest), 'LEAF_MISMATCH',
                 f'the leaf of the {thing} is of another thing')
            position = leaf.position
        self.documents[thing] = body
        return body, digest, position


def envelope(case):
    bad = 'FIELD_INVALID'
    case.cores = {}
    want(case.answer.version == 1, 'VERSION_UNSUPPORTED', 'another version of saved answer')
    for (name, packet), kind in zip(case.packets.items(), (n for n in KINDS if n in case.packets)):
        header = read('Header', packet.header, 'PACKET_MALFORMED')
        core = case.cores[name] = read('HeaderCore', header.core, 'PACKET_MALFORMED')
        packet.header_message = header
        want(core.version == 1, 'VERSION_UNSUPPORTED', 'another version')
        want(core.suite in (1, 2), 'SUITE_UNKNOWN', 'another suite')
        want(1 <= core.kind <= 6, 'KIND_UNKNOWN', 'another kind')
        want(core.schema == SCHEMA, 'SCHEMA_UNKNOWN', 'another schema')
        want(core.kind == KINDS[kind], bad, f'the {name} is of another kind')
        versions, body = core.compatible_versions, 'content_commitment' in core
        want(versions == sorted(set(versions)) and 1 in versions, bad, 'compatible_versions')
        want('signature' in packet or 'batch' in packet, bad, 'no signature')
        want('target_instance' in core or name == 'request' and re.fullmatch('[a-z0-9][a-z0-9._-]{0,127}', core.target_tag),
             bad, 'no target')
        want(core.created_ms < core.expires_ms, bad, 'expires before it is created')
        is_request, has_body = name == 'request', name != 'close' or core.code != 8 or body
        for field, there in {'recipients': is_request, 'in_reply_to': not is_request, 'attempt': not is_request,
                             'response_nonce': not is_request and has_body, 'code': name == 'close', 'padded_size': has_body,
                             'content_commitment': has_body, 'table_digest': is_request}.items():
            want((field in core) == there, bad, f'{field} of {name}')
        want(('recipients_hash' in header, 'ciphertext_hash' in header) == (is_request, has_body), bad, f'hashes of {name}')
        want(is_request or not {'retry', 'session', 'priority', 'prefix_tag', 'supersedes'} & set(core), bad, 'of a request')
        want(name != 'close' or 3 <= core.code <= 8, bad, 'no finish')
        want(not core.retry or core.retry.max_attempts <= 8, bad, 'more than 8 attempts')
        want(core.priority in (0, 1, 2), bad, 'another priority')
        want(len(set(core.recipients)) == len(core.recipients), 'RECIPIENTS_MISMATCH', 'a recipient twice')
        want(core.network == case.trust.network, 'NETWORK_MISMATCH', 'another network')


def packet_signature(case, name):
    packet, core = case.part(name), case.core(name)
    statement, signature, thing = pae('packet', packet.header), packet.signature, 'packet'
    if packet.batch:
        root = read('BatchRoot', packet.batch.statement, 'SIGNATURE_INVALID')
        index = core.seq - root.first_seq
        same = all(root[f] == core[f] for f in ('network', 'sender_key', 'epoch', 'created_ms'))
        want(same and 2 <= root.size <= 1024 and 0 <= index < root.size and root.root == root_of(
            H(b'\0' + statement), index, root.size, packet.batch.path), 'SIGNATURE_INVALID', f'the {name} is not of its batch')
        statement, signature = pae('batch-root', packet.batch.statement), packet.batch.signature
    want(signed(core.sender_key, signature, statement), 'SIGNATURE_INVALID', f'the signature of {name} is wrong')


def answer_signature(case):
    case.part('open'), case.part('close')
    packet_signature(case, 'open')
    packet_signature(case, 'close')
    want(case.core('open').sender_key == case.core('close').sender_key, 'SIGNATURE_INVALID', 'two keys')


def binding(case):
    request, opened, closed = (case.core(name) for name in ('request', 'open', 'close'))
    decision = case.proven('attempt').addendum.decision
    content = case.said('close', 'CloseContent') if 'content_commitment' in closed else None
    table = case.documents['routing-table']
    for core in (opened, closed):
        want((core.in_reply_to, core.correlation_id, core.target_instance, core.suite) == (
            case.id('request'), request.correlation_id, request.sender, request.suite), 'ANSWER_INVALID', 'no reply to the request')
        want(core.sender == decision.agent and core.sender in request.recipients, 'ANSWER_INVALID', 'of another agent')
    want(opened.attempt == closed.attempt, 'ANSWER_INVALID', 'two attempts')
    want(not content or opened.response_nonce == closed.response_nonce, 'ANSWER_INVALID', 'two response nonces')
    want(decision.table_version == table.version, 'ANSWER_INVALID', 'decided by another table')
    want(not content or content.stream == case.id('open'), 'ANSWER_INVALID', 'CLOSE of another stream')


def chains(case):
    leaves = {name: case.proven(name) for name in case.packets}
    case.part('sender_keys')
    sender = Chain(case.part('sender_keys'), case.core('request').sender, case.trust)
    agent = Chain(case.part('agent_keys'), case.core('open').sender, case.trust)
    return [(case.core(name), leaf, sender if name == 'request' else agent) for name, leaf in leaves.items()]


def keys(case):
    for core, leaf, chain in chains(case):
        chain.live(core.sender_key, leaf.position, leaf.quorum_time)


def revocation(case):
    for _, leaf, chain in chains(case):
        want(chain.head(leaf.position) == leaf.addendum.chain_head, 'KEY_EVENT_INVALID', 'the chain has another head')
    return 'asserted by the log'


def inclusion(name):
    return lambda case: case.leaf(name) and None


def attempt_inclusion(case):
    attempt = case.leaf('attempt')
    want(case.proven('request').position < attempt.position < case.proven('open').position, 'LEAF_MISMATCH', 'out of order')


def receipts(message):
    for field, value in message.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Message):
                yield from [item] if item.name == 'Receipt' else receipts(item)


def checkpoints(case):
    roots = {}
    for receipt in receipts(case.answer):
        point = case.trust.checkpoint(receipt.checkpoint)
        want(roots.setdefault((point.log, point.size), point.root) == point.root, 'LOG_FORKED', 'two roots of one size')


def each_checkpoint(holds, text):
    def check(case):
        for receipt in receipts(case.answer):
            want(holds(case.trust.checkpoint(receipt.checkpoint), case.trust), 'CHECKPOINT_UNTRUSTED', text)
    return check


def witness_independence(case):
    if not case.trust.operators:
        raise Skip('the trust file names no operators')
    each_checkpoint(independent, 'not without two witnesses of one operator')(case)


def freshness(case):
    core, table = case.core('request'), case.documents['routing-table']
    want(table.not_before_ms <= core.created_ms < table.expires_ms, 'CLOCK_SKEWED', 'the table was not in force')
    for name in ('request', 'attempt'):
        leaf = case.proven(name)
        for time in (leaf.time, leaf.quorum_time):
            want(core.created_ms - 30000 <= time <= core.expires_ms + 30000, 'CLOCK_SKEWED', f'{name} was logged at another time')


def routing_table(case):
    data, receipt = case.part('routing_table'), case.part('routing_table_receipt')
    table, digest, position = case.document('routing-table', data, case.trust.table_signers, receipt, 'TABLE_INVALID')
    want(digest == case.core('request').table_digest, 'TABLE_INVALID', 'another table')
    want((table.version == 1) == (table.previous is None), 'TABLE_INVALID', 'version and previous')
    for rule in table.rules:
        instances = [candidate.instance for candidate in rule.candidates]
        want(len(set(instances)) == len(instances), 'TABLE_INVALID', 'a candidate twice')
    want(position < case.proven('attempt').position, 'TABLE_INVALID', 'logged after the attempt')


def candidate(case):
    core, table = case.core('request'), case.documents['routing-table']
    decision = case.proven('attempt').addendum.decision
    for rule in table.rules:
        instances = [c.instance for c in rule.candidates]
        matches = rule.tag in ('', core.target_tag) if 'target_tag' in core else (
            core.target_instance in instances or rule.deny and not instances)
        if matches and (not rule.senders or core.sender in rule.senders) and rule.priority in (0, core.priority):
            want(not rule.deny, 'NOT_PERMITTED', 'the rule denies')
            want(rule.id == decision.rule, 'NO_ROUTE', 'another rule decides')
            want(decision.agent in instances and decision.agent in core.recipients, 'NOT_A_CANDIDATE', 'no candidate')
            return want(core.target_instance in (None, decision.agent), 'NOT_A_CANDIDATE', 'another agent')
    raise Fail('NO_ROUTE', 'no rule')


def answer_commitment(case):
    case.content('open', 'OpenContent')
    content, answer = case.content('close', 'CloseContent'), case.part('answer')
    want(commitment(answer.salt, answer.content or b'') == content.answer_commitment, 'COMMITMENT_MISMATCH', 'another answer')
    read('AnswerContent', answer.content or b'', 'CONTENT_INVALID')


def completeness(case):
    want('close' in case.answer, 'STREAM_TRUNCATED', 'there is no CLOSE')
    want(case.core('close').code in (3, 5), 'ANSWER_CUT', 'the answer is not complete')
    want(case.said('close', 'CloseContent').frames, 'ANSWER_CUT', 'no frames')


def model_statement(case):
    data, receipt = case.said('open', 'OpenContent').model_statement, case.part('model_statement_receipt')
    core, opened = case.core('open'), case.proven('open')
    statement, _, position = case.document('model-statement', data, [core.sender_key], receipt, 'SIGNATURE_INVALID')
    want(statement.agent == core.sender, 'DOCUMENT_MALFORMED', 'of another agent')
    want(position < opened.position, 'DOCUMENT_MALFORMED', 'logged after OPEN')


def vouched(thing, signers, fields):
    def check(case):
        field = thing.replace('-', '_')
        data, statement = case.part(field), case.documents['model-statement']
        document, digest, _ = case.document(thing, data, getattr(case.trust, signers), None, 'DOCUMENT_MALFORMED')
        want(digest == statement[field] if field in statement else False, 'DOCUMENT_MALFORMED', 'not the one of the statement')
        want(all(document[f] == getattr(statement, f) for f in fields if f in document), 'DOCUMENT_MALFORMED', 'other digests')
        if thing == 'authorization':
            want(document.created_ms <= case.proven('open').time < document.expires_ms, 'DOCUMENT_MALFORMED', 'not in force')
    return check


KINDS = {'request': 1, 'open': 2, 'close': 3}
CHECKS = {
    'envelope': envelope, 'request-signature': lambda case: packet_signature(case, 'request'),
    'answer-signature': answer_signature, 'binding': binding, 'keys': keys, 'revocation': revocation,
    'request-inclusion': inclusion('request'), 'attempt-inclusion': attempt_inclusion, 'open-inclusion': inclusion('open'),
    'close-inclusion': inclusion('close'), 'checkpoint': checkpoints,
    'witness-quorum': each_checkpoint(lambda point, trust: point.has_quorum, 'no quorum of witnesses'),
    'witness-independence': witness_independence, 'freshness': freshness, 'routing-table': routing_table,
    'candidate': candidate, 'request-commitment': lambda case: (case.content('request', 'RequestContent'), None)[1],
    'answer-commitment': answer_commitment, 'completeness': completeness, 'model-statement': model_statement,
    'registry-entry': vouched('registry-entry', 'publishers', ('file_digest', 'chat_template_digest', 'tokenizer_digest')),
    'authorization': vouched('authorization', 'authorizers', ('agent', 'file_digest', 'chat_template_digest')),
}
OPTIONAL = ('witness-independence', 'registry-entry', 'authorization', 'request-commitment')
LEAVES = ('envelope', 'witness-quorum')
GROUNDS = {
    'envelope': (), 'checkpoint': (), 'witness-quorum': ('checkpoint',), 'witness-independence': ('witness-quorum',),
    'binding': (*LEAVES, 'routing-table'), 'keys': LEAVES, 'revocation': LEAVES, 'request-inclusion': LEAVES,
    'attempt-inclusion': LEAVES, 'open-inclusion': LEAVES, 'close-inclusion': LEAVES,
    'freshness': (*LEAVES, 'request-inclusion', 'routing-table'), 'routing-table': LEAVES,
    'candidate': (*LEAVES, 'attempt-inclusion', 'routing-table'), 'request-commitment': (*LEAVES, 'request-inclusion'),
    'model-statement': LEAVES, 'registry-entry': ('model-statement',), 'authorization': ('model-statement',),
}


def verdict(checks, trust):
    """checks: (name, result, reason) in order → the verdict, with `required` by the trust file."""
    rows = [{'name': n, 'result': r, 'reason': t, 'required': n not in OPTIONAL or n in trust.required} for n, r, t in checks]
    status = 'FAILED' if any(row['result'] == 'fail' for row in rows) else 'PARTIAL' if any(
        row['result'] == 'skipped' and row['required'] for row in rows) else 'VERIFIED'
    return {'status': status, 'line': f'{status} under "{trust.name}"', 'trustName': trust.name, 'checks': rows}


def examine(data, trust):
    """The verdict on the bytes of a saved answer (§13)."""
    try:
        case = Case(decode('SavedAnswer', data), trust)
    except ValueError as error:
        return verdict([(name, *(('skipped', 'the saved answer cannot be read') if index else ('fail', f'ANSWER_INVALID: {error}')))
                        for index, name in enumerate(CHECKS)], trust)
    return verdict([(name, *case.result(name)) for name in CHECKS], trust)


def examine_receipt(data, trust):
    """The verdict on a receipt: the text of tlog-proof, or the bytes of a Receipt."""
    try:
        receipt = Message('Receipt')
        if data.startswith(b'c2sp.org/tlog-proof@v1\n'):
            head, _, note = data.partition(b'\n\n')
            _, extra, index, *path = head.decode().split('\n')
            extra = base64_strict(extra.removeprefix('extra '))
            size = int.from_bytes(extra[:2], 'big')
            receipt.update(leaf=extra[2:2 + size], index=int(re.fullmatch('index (0|[1-9][0-9]*)', index)[1]),
                           path=[base64_strict(line) for line in path], checkpoint=note)
            receipt.update({'addendum': extra[2 + size:]} if extra[2 + size:] else {})
        else:
            receipt = decode('Receipt', data)
        prove(receipt, trust)
    except (ValueError, TypeError) as error:
        return verdict([('receipt', 'fail', f'PROOF_INVALID: {error}')], trust)
    except Fail as reason:
        return verdict([('receipt', 'fail', str(reason))], trust)
    return verdict([('receipt', 'pass', '')], trust)


def main():
    parser = argparse.ArgumentParser(description='Verifies a saved answer or a receipt.')
    parser.add_argument('file')
    parser.add_argument('--trust', required=True)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--protos', default=PROTOS)
    options = parser.parse_args()
    try:
        load_protos(options.protos)
        with open(options.trust, 'rb') as trust, open(options.file, 'rb') as file:
            trust, data = Trust(trust.read()), file.read()
    except (OSError, ValueError, TypeError) as error:
        print(f'Cannot begin: {error}', file=sys.stderr)
        return 2
    is_receipt = data.startswith(b'c2sp.org/') or not data.startswith(b'\x08\x01')
    result = (examine_receipt if is_receipt else examine)(data, trust)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(result['line'])
        for row in result['checks']:
            mark = {'pass': '✓', 'fail': '✗', 'skipped': '–'}[row['result']]
            print(f"  {mark}  {row['name']:20}  {row['result']:7}  {row['reason']}")
    return {'VERIFIED': 0, 'FAILED': 1, 'PARTIAL': 3}[result['status']]


if __name__ == '__main__':
    sys.exit(main())
