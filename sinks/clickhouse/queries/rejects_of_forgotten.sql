arrayExists(first_step -> position(payload, first_step) > 0, {first_steps:Array(String)})
