-- Counts the generation KEYS[1] up, and tells of it on the channel ARGV[1]: who tells, of what topic, the generation, the message.
-- Never below the time in microseconds: one that was lost, or came back from a snapshot, goes on above all that may have been.
local time = redis.call('TIME')
local generation = math.max(redis.call('INCR', KEYS[1]), time[1] * 1000000 + time[2])
local text = string.format('%.0f', generation)
redis.call('SET', KEYS[1], text)
redis.call('PUBLISH', ARGV[1], ARGV[2] .. '\n' .. ARGV[3] .. '\n' .. text .. '\n' .. ARGV[4])
return generation
