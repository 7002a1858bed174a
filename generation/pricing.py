"""What a generation costs, worked out before anything is held."""

from dataclasses import dataclass

from generation.catalog import Model


@dataclass(frozen=True)
class Quote:
    """The price of `count` images, in whole credits."""

    model: str
    count: int
    price: int

    @property
    def credits(self) -> int:
        return self.price * self.count


def quote(*, model: Model, count: int, image_size: str = "") -> Quote:
    """The price of that many images of that size; the same for every ratio and with references."""
    size = model.size(image_size) or model.sizes[0]
    return Quote(model=model.id, count=count, price=size.price)
