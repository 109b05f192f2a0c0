ALTER TABLE frozen_extracts DELETE WHERE trial_id IN {trials:Array(String)}
