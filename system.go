package holdfast

// SystemName names a system: the top-level "name" of the file.
type SystemName string

// Digest is the hex SHA-256 of something that must not change unnoticed.
type Digest string

// A System is one file, understood: what runs, what it needs, what it promises
// and how it can fail. It is plain data and is written to the journal whole, so
// it never holds a secret.
type System struct {
	Name       SystemName    `json:"name"`
	Owner      OwnerName     `json:"owner,omitempty"`
	Promise    *Promise      `json:"promise,omitempty"`
	Promises   []Promise     `json:"promises,omitempty"` // those with a name, in the order of the file
	People     []Team        `json:"owners,omitempty"`
	Zones      []ZoneName    `json:"zones,omitempty"`
	Services   []Service     `json:"services"` // in the order of the file
	Modes      []FailureMode `json:"modes"`    // in the order of the services, then of the catalogue
	Guardrails Guardrails    `json:"guardrails"`
	Prove      Consent       `json:"prove,omitzero"`
	Sessions   []Session     `json:"sessions,omitempty"`
	Load       Load          `json:"load,omitzero"` // of drills
	Gateway    Publishing    `json:"gateway,omitzero"`
	OnCall     OnCall        `json:"on_call,omitzero"`
	Attested   []Attestation `json:"attest,omitempty"`
	Digest     Digest        `json:"digest"` // of the file's text
}

// A Team is an owner and the people it consists of.
type Team struct {
	Owner  OwnerName `json:"owner"`
	People []string  `json:"people"`
}

// OnCall is who is told of what fails, and how: what the file says of people.
type OnCall struct {
	People    []Person           `json:"people,omitempty"`
	Channels  []Channel          `json:"channels,omitempty"`
	Schedules []Schedule         `json:"schedules,omitempty"`
	Policies  []EscalationPolicy `json:"policies,omitempty"`
	// Standard is the policy of modes and promises that name none; empty: whoever
	// owns them, everybody at once.
	Standard PolicyName `json:"standard,omitempty"`
	// Heartbeat is where it is told, once a minute, that an audit of all this has
	// passed: somebody elsewhere who notices when it is told no more. Empty: nowhere.
	// Such URLs are secrets as a rule, and then it is a Secret.
	Heartbeat Place `json:"heartbeat,omitempty"`
	// Listen is where the links lead by which an incident is acknowledged, and URL how
	// people come there from where they are. Nil: no message has a link.
	Listen *Port  `json:"listen,omitempty"`
	URL    string `json:"url,omitempty"`
}

// Owed are all promises, the one for everything first.
func (s *System) Owed() []Promise {
	if s.Promise == nil {
		return s.Promises
	}
	return append([]Promise{*s.Promise}, s.Promises...)
}

// Service finds a service by name.
func (s *System) Service(name ServiceName) (Service, bool) {
	for _, service := range s.Services {
		if service.Name == name {
			return service, true
		}
	}
	return Service{}, false
}

// Session finds a session by name.
func (s *System) Session(name SessionName) (Session, bool) {
	for _, session := range s.Sessions {
		if session.Name == name {
			return session, true
		}
	}
	return Session{}, false
}

// Mode finds a failure mode by name.
func (s *System) Mode(name ModeName) (FailureMode, bool) {
	for _, mode := range s.Modes {
		if mode.Name == name {
			return mode, true
		}
	}
	return FailureMode{}, false
}

// Edges are all dependencies of the system, in the order of the file.
func (s *System) Edges() []Edge {
	var edges []Edge
	for _, service := range s.Services {
		for _, dependency := range service.DependsOn {
			edges = append(edges, Edge{From: service.Name, To: dependency.On})
		}
	}
	return edges
}
