package holdfast

// Lives are what gateways had counted when they were heard last, each in its present
// life: what it counted in an earlier one is no measure of anything any more. They
// hold what the gateways themselves have in their tables, and so are as bounded. The
// zero value must be made before it is written to.
type Lives map[GatewayName]Life

// A Life is one of a gateway's.
type Life struct {
	Began  int64                 `json:"began"`  // as in GatewayState
	Whole  bool                  `json:"whole"`  // it was heard from its beginning, since an earlier one was
	Routes map[string]RouteCount `json:"routes"` // by RouteCount.Route
}

// Since takes in what a gateway has counted of a route in all its life, and gives what
// it has counted since it was heard of it last. All is false where that is not known,
// and fresh may hold what was told before anybody here listened.
func (l Lives) Since(gateway GatewayName, began int64, count RouteCount) (fresh RouteCount, all bool) {
	life, known := l[gateway]
	if !known || life.Began != began {
		life = Life{Began: began, Whole: known, Routes: map[string]RouteCount{}}
		l[gateway] = life
	}
	before, again := life.Routes[count.Route]
	life.Routes[count.Route] = count
	if !again || before.Requests > count.Requests {
		return count, again || life.Whole
	}
	return count.minus(before), true
}

// minus is what was counted since an earlier count.
func (c RouteCount) minus(earlier RouteCount) RouteCount {
	c.Requests -= min(c.Requests, earlier.Requests)
	c.Failed -= min(c.Failed, earlier.Failed)
	c.Degraded -= min(c.Degraded, earlier.Degraded)
	c.Shed -= min(c.Shed, earlier.Shed)
	waits := make([]uint64, len(c.Waits))
	for i, n := range c.Waits {
		waits[i] = n
		if i < len(earlier.Waits) {
			waits[i] -= min(n, earlier.Waits[i])
		}
	}
	c.Waits = waits
	return c
}
