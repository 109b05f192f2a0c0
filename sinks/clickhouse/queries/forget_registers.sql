ALTER TABLE cells_live UPDATE subjects = [], sessions = []
WHERE trial_id IN {trials:Array(String)}
    AND cityHash64(product_id, minute, trial_id, platform, placement_id, arm, kind) IN {cells:Array(UInt64)}
