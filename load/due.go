package load

// Due are the instants at which the load's arrivals are due, in order, whether
// they have come or not: who is not answered yet has no result, and is missed
// only by who knows that he came.
func (g *Generator) Due() []int64 {
	began := g.Began()
	var all []int64
	for a := range g.plan.arrivals() {
		all = append(all, began+int64(a.at))
	}
	return all
}
