#!/usr/bin/env bash
# serve_program.sh curl|openai BIN FOLDER: starts generate --serve on FOLDER/step_1.h5, asks it, ends it with SIGTERM.
# 77: what would ask is not installed.
set -euo pipefail
part=$1 bin=$2 folder=$3
python=${TRM_PYTHON:-python3}
case $part in
  curl) command -v curl >/dev/null || exit 77 ;;
  openai) "$python" -c 'import openai' 2>/dev/null || exit 77 ;;
esac
export TRM_API_KEY=secret
"$bin/generate" --checkpoint "$folder/step_1.h5" --device cpu --serve --port 0 --slots 2 --max-new-tokens 8 --seed 3 2>"$folder/log" &
server=$!
trap 'kill -KILL $server 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  url=$(sed -n 's|.*\(http://127[0-9.:]*\).*|\1|p' "$folder/log")
  [[ -n $url ]] && break
  kill -0 $server || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done
fail() {
  echo "$1" >&2
  cat "$folder/log" >&2
  exit 1
}

if [[ $part == curl ]]; then
  body='{"messages": [{"role": "user", "content": "hello"}], "stream": true}'
  answer=$(curl -sN -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' -d "$body" "$url/v1/chat/completions")
  [[ $answer == 'data: {'*'data: [DONE]' ]] || fail "not a stream: $answer"
  status=$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/models")
  [[ $status == 401 ]] || fail "without a key: $status"
  ! grep -q secret "$folder/log" || fail "the key is in the log"
else
  "$python" - "$url/v1" <<'PYTHON' || fail "the openai package is not content"
import asyncio, sys, openai
arguments = dict(base_url=sys.argv[1], api_key="secret", max_retries=0)
client = openai.OpenAI(**arguments)
model = client.models.list().data[0].id
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
whole = client.chat.completions.create(model=model, messages=messages, seed=3)
assert whole.choices[0].finish_reason in ("stop", "length"), whole
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole
stream = client.chat.completions.create(model=model, messages=messages, seed=3, stream=True, stream_options={"include_usage": True})
chunks = list(stream)
text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
assert text == whole.choices[0].message.content, (text, whole)
assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
async def ask():
    return await openai.AsyncOpenAI(**arguments).chat.completions.create(model=model, messages=messages, seed=3, logprobs=True, top_logprobs=2)
answer = asyncio.run(ask())
assert answer.choices[0].message.content == text
assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 2
assert client.completions.create(model=model, prompt="hello", max_tokens=3).choices[0].text is not None
for wrong, kind in ((dict(n=2), openai.BadRequestError), (dict(model="other"), openai.NotFoundError)):
    try:
        client.chat.completions.create(**{"model": model, "messages": messages, **wrong})
        raise SystemExit("accepted: %s" % wrong)
    except kind as error:
        assert error.body["message"], error
PYTHON
fi

kill -TERM $server
status=0
wait $server || status=$?
[[ $status == 0 ]] || fail "SIGTERM: exit status $status"
