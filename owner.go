package holdfast

// OwnerName names the people who answer for a service or a failure mode.
type OwnerName string
