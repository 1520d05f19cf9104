package prove

import "holdfast/report"

func (f facts) help(s story, d report.Drill) []string { return nil }
