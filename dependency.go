package holdfast

import "time"

// An Edge is one service's need of another: "storefront/catalog".
type Edge struct {
	From ServiceName `json:"from"`
	To   ServiceName `json:"to"`
}

// String is the edge as it begins a mode's name and names a listener.
func (e Edge) String() string { return string(e.From) + "/" + string(e.To) }

// A Dependency is an edge as its caller declares it.
type Dependency struct {
	On       ServiceName   `json:"on"`
	Required bool          `json:"required"` // without it the caller cannot serve
	Timeout  time.Duration `json:"timeout"`  // for the whole answer; 1 s unless the file says otherwise
}
