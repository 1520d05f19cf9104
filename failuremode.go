package holdfast

// ModeName names a failure mode within its system: "catalog.crash" for one
// replica of a service, "storefront/catalog.loss" for a dependency edge.
type ModeName string

// Kind says how a thing fails, whatever the thing is: "crash", "hang", "slow".
// The kinds that exist are the files of package mode.
type Kind string

// A FailureMode is one way a service can stop keeping its promises, together
// with the people and machinery that answer for it.
//
// A mode is listed only when its drill exists: nothing is declared that is not
// exercised.
type FailureMode struct {
	Name       ModeName   `json:"name"`
	Strikes    Target     `json:"strikes"`
	Kind       Kind       `json:"kind"`
	Owner      OwnerName  `json:"owner,omitempty"`
	DetectedBy []Evidence `json:"detected_by"`
	Remedies   []Remedy   `json:"remedies"`             // tried in order; none means a person is the remedy
	Armed      bool       `json:"armed"`                // may act on what is still alive, not only record that it would have
	Escalation PolicyName `json:"escalation,omitempty"` // whom it wakes
	Urgency    Urgency    `json:"urgency,omitempty"`    // empty is Page
	Runbook    string     `json:"runbook,omitempty"`
	Drills     []Drill    `json:"drills"`
	Bounds     Bounds     `json:"bounds"`
}

// A Target is what a failure mode strikes: one replica of Service; when Caller is
// set, the whole dependency edge from Caller to Service; when Whole is set, all
// of Service for those who come from outside; when Role is set, a process of
// Holdfast itself, and none of the others is. It is a struct because zones are
// targets too, once their drills exist.
type Target struct {
	Service ServiceName `json:"service"`
	Caller  ServiceName `json:"caller,omitempty"`
	Whole   bool        `json:"whole,omitempty"`
	Role    Role        `json:"role,omitempty"`
}

// A Role is what a process of Holdfast is for: "keeper", "agent", "gateway".
type Role string

// The roles that drills strike.
const (
	RoleKeeper  Role = "keeper"
	RoleAgent   Role = "agent"
	RoleGateway Role = "gateway"
	RolePager   Role = "pager" // of the agent: what hands over what people are owed
)

// IsEdge says that a whole dependency is struck and not one replica.
func (t Target) IsEdge() bool { return t.Caller != "" }

// TakesAll says that every replica of the service is struck, not one of them.
func (t Target) TakesAll() bool { return t.Whole || t.IsEdge() }

// String is the target as it begins a mode's name: "catalog",
// "storefront/catalog" for an edge, "holdfast" for Holdfast itself.
func (t Target) String() string {
	if t.Role != "" {
		return "holdfast"
	}
	if t.IsEdge() {
		return Edge{From: t.Caller, To: t.Service}.String()
	}
	return string(t.Service)
}

// NameOf is the name of the mode in which a target fails in a given way.
func NameOf(strikes Target, kind Kind) ModeName {
	return ModeName(strikes.String() + "." + string(kind))
}
