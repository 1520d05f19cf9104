package topology

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
)

// Who fails with whom, against asking every path.
func TestKin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		system := holdfast.System{}
		names := []holdfast.ServiceName{"a", "b", "c", "d", "e"}
		weighs := map[[2]holdfast.ServiceName]bool{}
		for i, name := range names {
			service := holdfast.Service{Name: name}
			for _, on := range names[i+1:] {
				d := holdfast.Dependency{On: on, Timeout: time.Second, Required: rapid.Bool().Draw(rt, "required"), Completed: rapid.IntRange(0, 4).Draw(rt, "completed") == 0}
				if rapid.IntRange(0, 4).Draw(rt, "covered") == 0 {
					d.Fallback = &holdfast.Fallback{Body: "{}"}
				}
				service.DependsOn = append(service.DependsOn, d)
				weighs[[2]holdfast.ServiceName{name, on}] = d.Required && !d.Completed && d.Fallback == nil
			}
			system.Services = append(system.Services, service)
		}
		for _, via := range names { // Warshall
			for _, from := range names {
				for _, to := range names {
					if weighs[[2]holdfast.ServiceName{from, via}] && weighs[[2]holdfast.ServiceName{via, to}] {
						weighs[[2]holdfast.ServiceName{from, to}] = true
					}
				}
			}
		}
		kin := KinOf(&system)
		for _, from := range names {
			for _, to := range names {
				if want := weighs[[2]holdfast.ServiceName{from, to}]; kin.Causes(from)[to] != want || kin.Fails(to)[from] != want {
					rt.Fatalf("%s fails with %s: %v", from, to, !want)
				}
			}
		}
	})
}
