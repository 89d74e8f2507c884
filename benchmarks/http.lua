-- wrk's part of benchmarks/http.py: each request is the next reader's; the figures as JSON.
-- Arguments: the file of tokens, and how many of them were used before.

local tokens, place = {}, 0

function init(args)
  for token in io.lines(args[1]) do
    tokens[#tokens + 1] = token
  end
  place = tonumber(args[2])
end

function request()
  place = place % #tokens + 1
  return wrk.format("GET", nil, { ["Authorization"] = "Token " .. tokens[place] })
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
