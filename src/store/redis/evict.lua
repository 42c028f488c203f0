-- Counters that could go to make room: all but lockouts that are on.
-- ARGV[4]: 'weigh' gives what each of them says, -1 for what can't go; 'forget' lets them go,
-- and gives how many went.

local now, forgets = instant(), ARGV[4] == 'forget'
local records, packed = load(#KEYS - 1)
local weights, gone = {}, 0
for at, record in ipairs(records) do
  if not packed[at] or (record.lock and is_on(record.lock, now)) then
    weights[at] = -1
  else
    weights[at] = math.max(#record.slots, record.consecutive) + record.streak
    if forgets then gone = gone + redis.call('DEL', KEYS[at + 1]) end
  end
end
return forgets and gone or weights
