package holdfast

// OwnerName names the people who answer for a service or a failure mode.
type OwnerName string

// PolicyName names an escalation policy: who is told, and when.
type PolicyName string
