"""What time does to recordings: expiry, removal in steps that survive a crash, the clock's guard and the gate."""
