// Guards whose removal changes nothing that anybody can see, each with the reason. They are kept for readers or for the
// type checker, and are left out of the score.
export const EQUIVALENT: Readonly<Record<string, string>> = {}
