package gateway

// enter admits one more request or stream to the service, or refuses it. The
// bound is on what is in flight, not on a rate: it protects the gateway's
// memory and descriptors whatever the service's speed is, and there is no queue
// behind it, because waiting in front of a service that does not keep up only
// makes every answer late.
func (s *service) enter(limit int64) bool {
	if s.inFlight.Add(1) > limit {
		s.inFlight.Add(-1)
		return false
	}
	return true
}

func (s *service) leave() { s.inFlight.Add(-1) }
