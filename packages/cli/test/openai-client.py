"""What a user of OpenAI's client for Python does, against the proxy; prints what came of it as JSON."""
import json
import sys

from openai import APIError, BadRequestError, OpenAI

what, base_url, api_key = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
model = client.models.list().data[0].id


def ask(content, **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], **more)


def streamed(content, **more):
    text, finishes = "", []
    for chunk in ask(content, stream=True, **more):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.finish_reason:
                finishes.append(choice.finish_reason)
    return text, finishes


def refused():
    try:
        ask("Count.", n=2)
    except BadRequestError as error:
        return error.status_code, error.param
    return None


def broken():
    finishes = []
    try:
        for chunk in ask("broken", stream=True):
            finishes += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
    except APIError:
        return {"raised": True, "finishes": finishes}
    return {"raised": False, "finishes": finishes}


if what == "all":
    whole = ask("Count.", temperature=0.5, seed=1).choices[0]
    print(json.dumps({
        "models": [each.id for each in client.models.list()],
        "whole": [whole.message.content, whole.finish_reason],
        "streamed": streamed("Count.", max_tokens=20),
        "refused": refused(),
        "broken": broken(),
    }))
elif what == "real":
    whole = ask("Why is the sky blue? Answer in one short sentence.", temperature=0, max_tokens=64, seed=7).choices[0]
    text, finishes = streamed("Why is the sky blue? Answer in one short sentence.", temperature=0, max_tokens=64, seed=7)
    print(json.dumps({"whole": [whole.message.content, whole.finish_reason], "streamed": [text, finishes]}))
else:
    stream = ask("slow", stream=True)
    next(iter(stream))
    stream.close()
    print(json.dumps({}))
