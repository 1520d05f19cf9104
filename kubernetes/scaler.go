package kubernetes

// A scaler is a HorizontalPodAutoscaler.
type scaler struct {
	object
	minimum, maximum field
	targetKind       string
	targetName       string
}

func newScaler(o *object) *scaler {
	spec := o.at("spec")
	target := spec.at("scaleTargetRef")
	return &scaler{object: *o, minimum: spec.at("minReplicas"), maximum: spec.at("maxReplicas"), targetKind: target.at("kind").text(), targetName: target.at("name").text()}
}

func (s *scaler) least() int { return s.minimum.number(1) }
func (s *scaler) most() int  { return s.maximum.number(s.least()) }

// A share is a resource of which an autoscaler measures how much of the request
// is used; container is "" for all of the pod's.
type share struct {
	field
	resource, container string
}

// shares reads the metrics of all versions of the API.
func (s *scaler) shares() []share {
	var all []share
	if old := s.at("spec", "targetCPUUtilizationPercentage"); old.written {
		all = append(all, share{field: old, resource: "cpu"})
	}
	for _, metric := range s.at("spec", "metrics").list() {
		for _, kind := range []string{"resource", "containerResource"} {
			of := metric.at(kind)
			used := of.at("target", "averageUtilization")
			if !used.written {
				used = of.at("targetAverageUtilization")
			}
			if used.written {
				all = append(all, share{field: used, resource: of.at("name").text(), container: of.at("container").text()})
			}
		}
	}
	return all
}
