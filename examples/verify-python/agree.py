#!/usr/bin/env python3
"""Prints what verify.py says of the published vectors and of mutated answers, for another verifier to agree with.

    python agree.py [--count 1000] [--seed 1] [--fresh answer.weave local.trust] [--protos FOLDER] [--vectors FOLDER]

One JSON document a line: first {"trustFiles": […]}, then for every answer {"trust": place in trustFiles, "answer": base64,
"status", "checks": {name: result}}. The vectors come first; each that is judged otherwise than published ends the run.
"""
import argparse, base64, json, os, random, sys

import verify

VECTORS = os.path.join(os.path.dirname(verify.PROTOS), 'vectors')
# Bytes that hold a message of their own.
NESTED = {
    ('SavedPacket', 'header'): 'Header', ('Header', 'core'): 'HeaderCore', ('Receipt', 'addendum'): 'Addendum',
    ('SignedKeyEvent', 'body'): 'KeyEvent', ('SavedAnswer', 'routing_table'): 'SignedDocument',
    ('SavedAnswer', 'registry_entry'): 'SignedDocument', ('SavedAnswer', 'authorization'): 'SignedDocument',
    ('BatchProof', 'statement'): 'BatchRoot', ('OpenContent', 'model_statement'): 'SignedDocument',
}
BODIES = ('RoutingTable', 'ModelStatement', 'RegistryEntry', 'Authorization')
CONTENTS = ('CloseContent', 'OpenContent', 'RequestContent', 'AnswerContent')


def varint(value):
    data = b''
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def encode(message):
    """The inverse of verify.decode. Takes what no reader takes, too: lengths and limits are not looked at."""
    data = b''
    for number, (field, kind, label, _, _) in verify.TABLE[message.name].items():
        if field not in message:
            continue
        value = message[field]
        if label == 'repeated' and value and isinstance(value[0], int):
            value = [b''.join(map(varint, value))]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                data += varint(number << 3) + varint(item)
            else:
                part = encode(item) if isinstance(item, dict) else item.encode() if isinstance(item, str) else item
                data += varint(number << 3 | 2) + varint(len(part)) + part
    return data


def opened(message, field, value):
    """The message inside a bytes field, where there is one."""
    names = {('SignedDocument', 'body'): BODIES, ('Opening', 'content'): CONTENTS}.get((message.name, field))
    for name in names or filter(None, [NESTED.get((message.name, field))]):
        try:
            return verify.decode(name, value)
        except ValueError:
            pass


def flip(rng, data):
    if not data:
        return b'\0'
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def bent(rng, value, other):
    """Another value of the same kind; `other` is what stands there in another answer."""
    way = rng.randrange(4)
    if way == 0 and other is not None:
        return other
    if isinstance(value, int):
        return max(0, value + rng.choice((-1, 1, 30_000, -30_000, 1 << 20)))
    if isinstance(value, str):
        return value[:-1] if way == 1 else value + 'a' if way == 2 else 'b'
    if isinstance(value, bytes):
        return value[:-1] if way == 1 and rng.random() < 0.2 else flip(rng, value)
    if isinstance(value, list) and value:
        items = list(value)
        at, to = rng.randrange(len(items)), rng.randrange(len(items))
        if way == 1:
            del items[at]
        elif way == 2:
            items.insert(to, items[at])
        else:
            items[at], items[to] = items[to], items[at]
        return items
    return value


def invented(rng, kind, label, options):
    """A value for a field that is absent."""
    if kind in verify.TABLE:
        value = verify.Message(kind)
    elif kind in ('string', 'bytes'):
        value = 'a' if kind == 'string' else rng.randbytes(int(options.get('length', 4)))
    else:
        value = rng.choice((1, 1, 2, 3, 9, 1024))
    return [value] if label == 'repeated' else value


def bend(rng, message, other):
    """Changes one thing somewhere in a message, in place."""
    if not message:
        return
    field = rng.choice(sorted(message))
    value, twin = message[field], other.get(field) if isinstance(other, dict) else None
    inner = opened(message, field, value) if isinstance(value, bytes) else None
    twin_inner = opened(message, field, twin) if inner is not None and isinstance(twin, bytes) else None
    if rng.random() < 0.08:
        if rng.random() < 0.5:
            del message[field]
        else:
            missing = [row for row in verify.TABLE[message.name].values() if row[0] not in message]
            if missing:
                field, kind, label, _, options = rng.choice(missing)
                message[field] = invented(rng, kind, label, options)
    elif rng.random() < 0.1:
        kin = [f for f in message if f != field and type(message[f]) is type(value)]
        if kin:
            swapped = rng.choice(kin)
            message[field], message[swapped] = message[swapped], value
    elif isinstance(value, dict) and value and rng.random() < 0.9:
        bend(rng, value, twin)
    elif inner and rng.random() < 0.8:
        bend(rng, inner, twin_inner)
        message[field] = encode(inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and rng.random() < 0.7:
        at = rng.randrange(len(value))
        bend(rng, value[at], twin[at] if twin and at < len(twin) else None)
    else:
        message[field] = bent(rng, value, twin)


def without_body(data):
    """The same answer with an ABORTED CLOSE that has no body, as after a crash."""
    answer = verify.decode('SavedAnswer', data)
    header = verify.decode('Header', answer.close.header)
    core = verify.decode('HeaderCore', header.core)
    for field in ('response_nonce', 'content_commitment', 'padded_size'):
        del core[field]
    del header['ciphertext_hash'], answer.close['opening'], answer['answer']
    core['code'] = 8
    header['core'] = encode(core)
    answer.close['header'] = encode(header)
    return encode(answer)


def found(judge, *errors):
    """`ok`, or the refusal that a reader gave."""
    try:
        return judge() or 'ok'
    except verify.Fail as reason:
        return str(reason).split(':')[0]
    except errors:
        return 'refused'


def check_parts(load):
    """The published vectors of what verify.py is made of. Ends the run at the first that it judges otherwise."""
    def agree(name, ours, theirs):
        if ours != theirs:
            sys.exit(f'Cannot agree with the vector "{name}": {ours}, wanted {theirs}')

    for case in load('protobuf')['cases']:
        agree(case['name'], found(lambda: verify.decode(case['message'], bytes.fromhex(case['bytes'])) and None, ValueError), case['result'])
    for case in load('signatures')['signatures']:
        parts = (bytes.fromhex(case[part]) for part in ('key', 'signature', 'message'))
        agree(case['what'], verify.signed(*parts), case['valid'])
    for case in load('trust-files')['files']:
        ours = found(lambda: verify.Trust(case['text'].encode()) and None, ValueError, TypeError)
        agree(case['name'], ours, 'ok' if case['result'] == 'ok' else 'refused')
        if ours == 'ok':
            trust = verify.Trust(case['text'].encode())
            agree(case['name'], (trust.network.hex(), sorted(trust.required)), (case['network'], sorted(case['required'])))
    log = load('log')
    for case in log['checkpoints']:
        quorum = lambda: None if verify.read_checkpoint(case['note'].encode(), verify.Policy(case['policy'])).has_quorum \
            else 'CHECKPOINT_UNTRUSTED'
        agree(case['name'], found(quorum), case['result'])
    for case in log['tree']['inclusion']:
        leaf = verify.H(b'\0' + case['index'].to_bytes(4, 'big'))
        root = verify.root_of(leaf, case['index'], case['size'], [bytes.fromhex(sibling) for sibling in case['path']])
        agree('inclusion', root.hex(), next(tree['root'] for tree in log['tree']['roots'] if tree['size'] == case['size']))


def mutated(rng, seeds):
    data = rng.choice(seeds)
    if rng.random() < 0.15:
        way, at = rng.randrange(4), rng.randrange(len(data))
        return (flip(rng, data), data[:at], data[:at] + data[at + 1:], data[:at] + rng.randbytes(1) + data[at:])[way]
    message, other = verify.decode('SavedAnswer', data), verify.decode('SavedAnswer', rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        bend(rng, message, other)
    return encode(message)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--fresh', nargs=2)
    parser.add_argument('--protos', default=verify.PROTOS)
    parser.add_argument('--vectors', default=VECTORS)
    options = parser.parse_args()
    verify.load_protos(options.protos)

    def load(name):
        with open(os.path.join(options.vectors, f'{name}.json'), encoding='utf-8') as file:
            return json.load(file)

    check_parts(load)
    vectors = load('saved-answers')
    texts = list(vectors['trustFiles'])
    answers = [base64.b64decode(text) for text in vectors['savedAnswersBase64']]
    if options.fresh:
        answers.append(open(options.fresh[0], 'rb').read())
        texts.append(open(options.fresh[1], encoding='utf-8').read())
    trusts = [verify.Trust(text.encode()) for text in texts]
    print(json.dumps({'trustFiles': texts}))

    def say(data, place):
        verdict = verify.examine(data, trusts[place])
        checks = {row['name']: row['result'] for row in verdict['checks']}
        print(json.dumps({'trust': place, 'answer': base64.b64encode(data).decode(), 'status': verdict['status'],
                          'checks': checks, 'reasons': {row['name']: row['reason'] for row in verdict['checks']}}))
        return verdict['line'], checks

    for vector in vectors['answers']:
        line, checks = say(answers[vector['savedAnswer']], vector['trustFile'])
        if (line, checks) != (vector['line'], vector['checks']):
            sys.exit(f"Cannot agree with the vector \"{vector['name']}\": {line} {checks}")
    say(without_body(answers[0]), 0)
    if options.fresh:
        say(answers[-1], len(texts) - 1)
    rng = random.Random(options.seed)
    for _ in range(options.count):
        is_fresh = options.fresh and rng.random() < 0.25
        place = len(texts) - 1 if is_fresh else rng.randrange(len(vectors['trustFiles']))
        seeds = answers[-1:] if is_fresh else answers[:len(vectors['savedAnswersBase64'])]
        say(mutated(rng, seeds), place)


if __name__ == '__main__':
    main()
