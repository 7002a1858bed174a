"""Rows of the gallery: pictures, what is said of them, how they are arranged, and who was shown them."""

from gallery.models.archives import Archive
from gallery.models.arranging import Collection, CollectionItem, Favourite, SavedSearch
from gallery.models.links import SharedImage, ShareLink
from gallery.models.pictures import Image, ImageQuerySet, ImageSource, Original, Rendition, Upload
from gallery.models.settings import GallerySettings, StorageUse
from gallery.models.tags import ImageTag, Tag
from gallery.models.undo import UndoableAct

__all__ = [
    "Archive",
    "Collection",
    "CollectionItem",
    "Favourite",
    "GallerySettings",
    "Image",
    "ImageQuerySet",
    "ImageSource",
    "ImageTag",
    "Original",
    "Rendition",
    "SavedSearch",
    "ShareLink",
    "SharedImage",
    "StorageUse",
    "Tag",
    "UndoableAct",
    "Upload",
]
