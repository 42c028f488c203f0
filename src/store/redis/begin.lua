-- Says which server's history counters are written in, where nothing was ever counted.

if not redis.call('GET', KEYS[1]) then
  redis.call('SET', KEYS[1], cmsgpack.pack({ history(), 0, 0 }))
end
return 1
