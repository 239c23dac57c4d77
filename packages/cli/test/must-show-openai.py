"""OpenAI's client for Python, left in the middle of an answer or by it. Says on standard output what happens, line by line."""
import json
import sys
import time

from openai import APIError, OpenAI

what, base_url, api_key = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
model = client.models.list().data[0].id
messages = [{"role": "user", "content": "Tell me a very long story about a dragon."}]


def say(**what):
    print(json.dumps(what), flush=True)


if what == "whole":
    try:
        answer = client.chat.completions.create(model=model, messages=messages, max_tokens=1500)
        say(error=None, finishes=[answer.choices[0].finish_reason])
    except APIError as error:
        say(error=type(error).__name__, finishes=[])
    sys.exit()

finishes, error, text = [], None, ""
try:
    stream = client.chat.completions.create(model=model, messages=messages, max_tokens=1500, stream=True)
    for chunk in stream:
        for choice in chunk.choices:
            if choice.finish_reason:
                finishes.append(choice.finish_reason)
            if choice.delta.content and not text:
                say(began=True)
            text += choice.delta.content or ""
        if what == "abort" and len(text) > 200:
            say(left=True)
            stream.close()
            # The process stays: what stops the model is the closed stream, not the end of the program.
            time.sleep(3)
            break
except APIError as caught:
    error = type(caught).__name__
say(error=error, finishes=finishes)
