"""What all engines share: their options, seeds, budget, report, servers, and the shrinking."""
