package prove

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"holdfast"
	"holdfast/fault/flood"
	"holdfast/load"
)

// floods is the fault that is nothing but load.
const floods holdfast.FaultName = "flood"

const (
	// beyond is how many times what a service bears a flood asks of it.
	beyond = 3
	// floodWithin is how soon a flood must have been seen: a limit that adapts finds
	// its level first, and meanwhile what is too much waits.
	floodWithin = 4 * time.Second
	// floodLasts is how long it is watched at least: what the first seconds cost, in
	// which a limit finds its level, is to be told from what an overload costs that
	// lasts.
	floodLasts = 8 * time.Second
	// canary is the probe that asks as the flood does, at the same door.
	canary = "the door"
	// canaryEvery is how often it asks, in each of its two ways.
	canaryEvery = 50 * time.Millisecond
	// turnedAway is how many of the canary's requests must have been turned away.
	// Ordinary bad luck turns none away, of as many as there were before.
	turnedAway = 3
)

// chooseDoor finds out where a service is flooded: at the first door by which the
// load reaches it, too. What it bears is what the file says, or, where it says
// nothing, what the control run asked for and was given.
func (d *drilling) chooseDoor(ctx context.Context) error {
	addresses, err := d.copy.addresses(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets(d.o.System, d.struck(), addresses) {
		if t.service == d.service.Name && !t.bare && !t.calls {
			d.victim.Address = t.address
			d.victim.Flood = &holdfast.Flood{URL: "http://" + t.address + "/", Rate: floodRate(d.service, d.rate), Priority: holdfast.Background, Keep: d.copy.keep}
			d.detour, err = d.copy.detourTo(ctx, d.victim.ID)
			return err
		}
	}
	return errUnfit(fmt.Sprintf("nothing asks %s through the gateway over HTTP", d.service.Name))
}

// floodRate is how much a service is flooded with.
func floodRate(service holdfast.Service, borne float64) float64 {
	if c := service.Capacity; c != nil {
		borne = c.Replica * float64(service.Replicas)
	}
	return min(beyond*borne, flood.MaxRate)
}

// atTheDoor asks as the flood will, from before it on.
func (d *drilling) atTheDoor() load.Probe {
	return load.Probe{Name: canary, Address: d.victim.Address, Path: "/", Priority: holdfast.Background, Every: canaryEvery, Timeout: probePatience}
}

// sawFlood is the witness of a flood: requests of its own priority, which the load
// sends at the same door and which were answered before, are refused, or answered
// late or not at all. Whoever sheds shows it, and whoever does not shows it too; and
// a flood that the service bears is none, whatever its injector says.
func (d *drilling) sawFlood() string {
	return showsFlood(d.generator.Probed(), d.injected)
}

func showsFlood(probed []load.Probed, since time.Duration) string {
	before, refused, waited := 0, 0, 0
	for _, p := range probed {
		if p.Probe != canary {
			continue
		}
		switch over := p.At + int64(p.Took); {
		case over < int64(since) && away(p):
			return "" // it was so before
		case over < int64(since):
			before++
		case p.At < int64(since):
		case p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests:
			refused++
		case away(p):
			waited++
		}
	}
	switch {
	case before < turnedAway || refused+waited < turnedAway:
		return ""
	case waited == 0:
		return fmt.Sprintf("%d requests of the lowest priority seen refused by load", refused)
	default:
		return fmt.Sprintf("of the lowest priority %d requests seen refused by load, %d late or not answered", refused, waited)
	}
}

// away tells a request that was turned away, or answered too late to be of use.
func away(p load.Probed) bool {
	return p.Status == 0 || p.Status >= 500 || p.Status == http.StatusTooManyRequests || p.Took > late
}

// borne says that a flood was none.
func borne(f facts) string {
	text := fmt.Sprintf("%.0f requests a second more, of the lowest priority, were answered as before", f.victim.Flood.Rate)
	switch {
	case f.victim.Flood.Rate >= flood.MaxRate:
		return text + ", and no more than that is sent"
	case f.service.Capacity == nil:
		return text + fmt.Sprintf("; next: say what %s bears, `capacity: {replica: 100/s, peak: 100/s}`: three times that is sent", f.service.Name)
	default:
		return text + fmt.Sprintf("; next: %s bears more than its `capacity` says: raise it", f.service.Name)
	}
}
