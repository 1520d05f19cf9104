package holdfast

// Agree is agreement among those who might act on the same system: one at a
// time, and a late one is known to be late.
//
// Epoch is the fence: it grows with every new holder, and whoever is handed an
// order with a lower epoch than one it has seen refuses it. Held says whether
// the holder may still act; once false it stays false. On one machine it is a
// locked file; on several, a store.
type Agree interface {
	Epoch() uint64
	Held() bool
}
