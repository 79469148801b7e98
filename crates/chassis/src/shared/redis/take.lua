-- Takes tokens of the bucket KEYS[1] if there is one. Answers 0, or how many milliseconds to wait for one.
-- ARGV: what the bucket holds, and is filled with in a minute; how many to take.
-- The time is Redis's, so that the clocks of the processes do not matter.
local capacity, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'filled_at_us')
local tokens = capacity
if bucket[1] and bucket[2] then
    local elapsed_us = math.max(0, now_us - tonumber(bucket[2]))
    tokens = math.min(capacity, tonumber(bucket[1]) + elapsed_us * capacity / 60000000)
end
if tokens < 1 then
    return math.ceil((1 - tokens) * 60000 / capacity)
end
tokens = tokens - wanted
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'filled_at_us', string.format('%.0f', now_us))
-- By then it is full, which is what a bucket that is not there counts as.
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) * 60000 / capacity) + 1000)
return 0
