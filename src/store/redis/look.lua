-- What a new attempt would meet. Leaves everything as it is, also what time and unlocks did
-- to it. ARGV[4] on: what counters count by.

local now = instant()
local records = load(#KEYS - 1)
local left, refused = nil, nil
for at, record in ipairs(records) do
  local rules = rules_at(at, 4)
  if room(record, rules, now) == 'locked' then
    if not (refused and is_longer(refused, record.lock, now)) then
      refused = record.lock
    end
  else
    local here = remaining(record, rules)
    left = left and math.min(left, here) or here
  end
end
if refused then return { 'locked', told(refused) } end
return { 'open', left or -1 }
