//! Delta debugging (Zeller and Hildebrandt 2002): the least part of a list that still fails, where no single item can be left out.

/// Leaves out stretches of `items`, long ones first, while `fails` holds of what is left.
pub fn shrink<T: Clone>(items: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut left = items;
    let mut stretch = left.len().div_ceil(2);
    while stretch > 0 {
        let before = left.len();
        let mut at = 0;
        while at < left.len() {
            let end = left.len().min(at + stretch);
            let without: Vec<T> = left.iter().take(at).chain(left.iter().skip(end)).cloned().collect();
            if fails(&without) {
                left = without;
            } else {
                at = end;
            }
        }
        // At single items, once more until nothing can go: what was needed may be needed no more.
        stretch = if stretch == 1 && left.len() < before { 1 } else { stretch / 2 };
    }
    left
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn what_is_needed_stays_and_nothing_else() {
        let all: Vec<u32> = (0..100).collect();
        let fails = |items: &[u32]| items.contains(&17) && (items.contains(&40) || items.contains(&90));
        assert_eq!(shrink(all.clone(), fails), [17, 40]);
        assert_eq!(shrink(all.clone(), |_| true), [0; 0]);
        assert_eq!(shrink(all, |items: &[u32]| items.len() > 2).len(), 3);
    }
}
